// The React component for projects that have React as a package.

import * as React from 'react';
import { bindReact } from './react-bindings.js';

const bound = bindReact(React);

export const { RTSPStreamViewer } = bound;
export const { useRTSPStream } = bound;
export default RTSPStreamViewer;
