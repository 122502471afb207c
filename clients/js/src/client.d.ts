export interface StartResult {
  success: boolean;
  /** The server's word; only with success. */
  message?: string;
  /** The stream's name, which is now the client's `streamId`; only with success. */
  streamId?: string;
  rtspUrl?: string;
  /** Size of the frames in pixels. */
  width?: number;
  height?: number;
  /** Why not, in the server's words where it sent any; only without success. */
  error?: string;
  /** HTTP status of the refusal; null when there was no answer. */
  status?: number | null;
  /** Whether a stream of this name exists already, and can be watched. */
  conflict?: boolean;
}

export interface StopResult {
  success: boolean;
  message?: string;
  error?: string;
  status?: number | null;
  /** Whether the stream goes on for others. */
  conflict?: boolean;
  /** How many others. */
  clientCount?: number;
}

/** The numbers of a client. */
export interface ClientStats {
  framesReceived: number;
  bytesReceived: number;
  /** Frames put on the canvas, and frames that a newer one replaced before the display was refreshed. */
  framesDrawn: number;
  framesDropped: number;
  /** Frames that the server left out because this client was too slow. */
  framesMissed: number;
  /** Frames per second received, over the last 3 s. */
  averageFps: number;
  /** When the last frame came, Unix milliseconds of this machine. */
  lastFrameTime: number | null;
  /** How long ago the last frame was captured when it came, by the server's clock, ms; null when unknown. */
  ageMs: number | null;
  /** Since when is counted, Unix milliseconds. */
  startTime: number;
  /** Attempts to connect again. */
  reconnectCount: number;
  /** The server's word of the camera: `live`, `offline` or `waiting`; empty before it said any. */
  state: string;
  /** Why the state is not `live`, for people. */
  reason: string;
  /** Size of the frames in pixels. */
  width: number;
  height: number;
  isConnected: boolean;
  isReconnecting: boolean;
  /** Failed attempts since the last frame. */
  reconnectAttempts: number;
  streamId: string;
}

export interface ConnectionStatus {
  isConnected: boolean;
  isReconnecting: boolean;
  reconnectAttempts: number;
  maxReconnectAttempts: number;
  streamId: string;
  /** `readyState` of the WebSocket; null when there is none. */
  wsState: number | null;
}

/** What the server says of a stream. Further fields exist. */
export interface StreamInfo {
  stream_id: string;
  /** The camera's address, without user and password. */
  rtsp_url: string;
  is_running: boolean;
  client_count: number;
  frame_count: number;
  [field: string]: unknown;
}

/** What is known of a frame besides its pixels. */
export interface FrameInfo {
  /** Number of the frame in its stream; gaps are frames that were not sent. Null when the server does not say. */
  seq: number | null;
  /** When it was captured, Unix milliseconds of the server's clock; null when the server does not say. */
  captured: number | null;
}

/** `frame` holds width * height * 3 bytes, blue, green, red, row after row. It may be kept, and must not be changed. */
export type FrameCallback = (
  frame: Uint8Array,
  width: number,
  height: number,
  stats: ClientStats,
  info: FrameInfo,
) => void;
/** What is wrong, for people. A trouble that lasts is told once. */
export type ErrorCallback = (message: string) => void;
export type ConnectCallback = (event: { type: 'open' }) => void;
export type DisconnectCallback = (event: { type: 'close'; code: number; reason: string; wasClean: boolean }) => void;

export interface ClientOptions {
  /** For servers that ask for one. */
  token?: string | null;
}

/** Starts and stops streams on a server, and shows their raw frames on a canvas. */
export class RTSPStreamClient {
  /**
   * @param serverUrl `http://`, `https://`, `ws://` or `wss://`; the empty string is the page's own server.
   *   Default: `http://localhost:8091`
   * @param streamId name of the stream. Default: `camera1`
   * @throws TypeError when `serverUrl` is none
   */
  constructor(serverUrl?: string, streamId?: string, options?: ClientOptions);

  /** Address for WebSockets. */
  serverUrl: string;
  /** Address for HTTP. */
  httpServerUrl: string;
  streamId: string;
  canvas: HTMLCanvasElement | null;
  /** Size of the frames. Setting it asks for frames of that size, from the next `connect` on. */
  width: number;
  height: number;
  isConnected: boolean;
  isReconnecting: boolean;
  reconnectAttempts: number;
  /** After so many failures in a row it gives up. Default: no limit. */
  maxReconnectAttempts: number;
  /** The numbers that are counted; `getStats()` has all. */
  stats: Omit<ClientStats, 'framesDrawn' | 'framesDropped' | keyof ConnectionStatus | 'width' | 'height'>;
  /** The WebSocket in use, or null. */
  readonly ws: WebSocket | null;
  frameCallback: FrameCallback | null;
  errorCallback: ErrorCallback | null;
  connectCallback: ConnectCallback | null;
  disconnectCallback: DisconnectCallback | null;

  /** `client.onFrame(callback)` and `client.onFrame = callback` do the same; null removes it. */
  get onFrame(): (callback: FrameCallback | null) => void;
  set onFrame(callback: FrameCallback | null);
  get onError(): (callback: ErrorCallback | null) => void;
  set onError(callback: ErrorCallback | null);
  get onConnect(): (callback: ConnectCallback | null) => void;
  set onConnect(callback: ConnectCallback | null);
  get onDisconnect(): (callback: DisconnectCallback | null) => void;
  set onDisconnect(callback: DisconnectCallback | null);

  /** Draws the frames on a canvas, which takes their size. */
  setupCanvas(canvas: HTMLCanvasElement): void;
  /** Starts the stream `streamId`; 640x480 unless a size is given. Never rejected. */
  startStream(rtspUrl: string, width?: number, height?: number): Promise<StartResult>;
  /** Starts a stream under a name made by the server, or uses the one of this address. Never rejected. */
  startStreamWithURL(rtspUrl: string, width?: number, height?: number): Promise<StartResult>;
  /** Ends the stream unless others watch it. Never rejected. */
  stopStream(): Promise<StopResult>;
  /** Ends the stream for all. Never rejected. */
  forceStopStream(): Promise<StopResult>;
  /** Null when there is no such stream, or no answer. */
  getStreamStats(): Promise<StreamInfo | null>;
  /** Empty when there is no answer. */
  listStreams(): Promise<StreamInfo[]>;
  /** Connects, and stays connected until `disconnect`. */
  connect(): void;
  disconnect(): void;
  getStats(): ClientStats;
  resetStats(): void;
  getConnectionStatus(): ConnectionStatus;
}
