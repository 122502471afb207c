import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  // The package is a link into this repository; React must still be the app's own.
  resolve: { dedupe: ['react', 'react-dom'] },
});
