import type { CSSProperties, FunctionComponent, HTMLAttributes, Ref, RefObject } from 'react';
import type { ClientOptions, ClientStats, ConnectionStatus, RTSPStreamClient, StartResult, StopResult, StreamInfo } from './client.js';
import type { CamherdPlayer } from './player.js';

export interface RTSPStreamViewerProps {
  /** Address of the server. Default: `http://localhost:8091`. */
  serverUrl?: string;
  /** Name of the stream. Without it and without `rtspUrl` the server's default stream is shown. */
  streamId?: string;
  /**
   * Address of the camera. With it the stream is started on the server, under `streamId` or a name of the server's;
   * without it the stream is one that the server has.
   */
  rtspUrl?: string;
  /** Size of raw frames, and width of the picture in the page, in pixels. */
  width?: number;
  height?: number;
  /** Whether `rtspUrl` is started at once, without the button. Default: false. */
  autoStart?: boolean;
  /**
   * `auto` (default): H.264, and JPEG where that does not work. `jpeg`: JPEG. `mse`: H.264 alone. `raw`: BGR frames on a
   * canvas, 28 MB/s at 640x480 and 30 frames/s, for programs that want the pixels.
   */
  mode?: 'auto' | 'mse' | 'jpeg' | 'raw';
  /** For servers that ask for one. */
  token?: string;
  /** Shows the buttons. Default: true unless `autoStart`. */
  controls?: boolean;
  /** Shows state, age and rates over the picture. Not with `raw`. */
  hud?: boolean;
  /** What is wrong, for people. */
  onError?: (message: string) => void;
  className?: string;
  style?: CSSProperties;
}

export const RTSPStreamViewer: FunctionComponent<RTSPStreamViewerProps>;
export default RTSPStreamViewer;

export interface RTSPStream {
  /** For the canvas that shows the raw frames. */
  canvasRef: RefObject<HTMLCanvasElement>;
  isConnected: boolean;
  isReconnecting: boolean;
  error: string | null;
  /** The client's numbers, renewed four times a second. */
  stats: ClientStats | null;
  /** The server's numbers, renewed every 5 s. */
  serverStats: StreamInfo | null;
  /** Starts the stream of a camera's address, and connects. */
  startStream(rtspUrl: string, width?: number, height?: number): Promise<StartResult>;
  stopStream(force?: boolean): Promise<StopResult>;
  reconnect(): void;
  getConnectionStatus(): ConnectionStatus;
  listStreams(): Promise<StreamInfo[]>;
  client: RTSPStreamClient;
}

/** An `RTSPStreamClient` as React state. */
export function useRTSPStream(serverUrl?: string, streamId?: string, options?: ClientOptions): RTSPStream;

/** `<camherd-player>` in JSX. */
export interface CamherdPlayerAttributes extends HTMLAttributes<CamherdPlayer> {
  ref?: Ref<CamherdPlayer>;
  src?: string;
  stream?: string;
  mode?: 'auto' | 'mse' | 'jpeg';
  fps?: number | string;
  hud?: '' | 'mini';
  controls?: '';
}

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'camherd-player': CamherdPlayerAttributes;
    }
  }
}
