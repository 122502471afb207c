import { RTSPStreamClient, type StreamInfo } from 'camherd';
import { RTSPStreamViewer } from 'camherd/react';
import { useEffect, useState } from 'react';

const SERVER: string = import.meta.env.VITE_CAMHERD_URL ?? 'http://localhost:8091';

/** How often the list of streams is renewed, ms. */
const RENEW_MS = 5000;

const MODES = ['auto', 'jpeg', 'raw'] as const;

function useStreams(): StreamInfo[] {
  const [streams, setStreams] = useState<StreamInfo[]>([]);
  useEffect(() => {
    const client = new RTSPStreamClient(SERVER);
    const renew = async () => setStreams(await client.listStreams());
    void renew();
    const timer = setInterval(() => void renew(), RENEW_MS);
    return () => clearInterval(timer);
  }, []);
  return streams;
}

export function App() {
  const streams = useStreams();
  const [mode, setMode] = useState<(typeof MODES)[number]>('auto');
  const [camera, setCamera] = useState('');
  const [started, setStarted] = useState('');

  return (
    <main style={{ fontFamily: 'system-ui, sans-serif', padding: 16 }}>
      <h1>Cameras</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setStarted(camera);
        }}
      >
        <input
          size={40}
          value={camera}
          placeholder="rtsp://user:password@camera/stream"
          onChange={(event) => setCamera(event.target.value)}
        />
        <button>Watch</button>
        <select value={mode} onChange={(event) => setMode(event.target.value as typeof mode)}>
          {MODES.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </form>

      {started && <RTSPStreamViewer serverUrl={SERVER} rtspUrl={started} width={640} height={480} mode={mode} autoStart hud />}

      <h2>On the server</h2>
      <div style={{ display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(320px, 1fr))', gap: 16 }}>
        {streams.map(({ stream_id: id }) => (
          <figure key={id} style={{ margin: 0 }}>
            <RTSPStreamViewer serverUrl={SERVER} streamId={id} mode={mode} hud />
            <figcaption>{id}</figcaption>
          </figure>
        ))}
      </div>
    </main>
  );
}
