/** The numbers of a player. Times are milliseconds. */
export interface PlayerStats {
  /** The server's word while connected (`live`, `offline`, `waiting`), else why there is no connection. */
  state: 'connecting' | 'live' | 'offline' | 'waiting' | 'unreachable' | 'refused' | 'not-found' | 'signed-out';
  /** Why the state is not `live`, for people; may be empty. */
  reason: string;
  /** The stream's name; empty until the server has said which one is its default. */
  stream: string;
  /** How the picture is shown. */
  mode: 'mse' | 'jpeg';
  /** Codec in use, for people: `H.264`, `MJPEG`; empty before the first picture. */
  codec: string;
  /**
   * The quality of the picture: a lower one than `high` was asked for, or the connection carries no more, or the
   * camera sends no better one now.
   */
  quality: 'high' | 'medium' | 'low';
  /** Why it is not the one that was asked for, or why there is no better one, for people; empty when it is. */
  quality_reason: string;
  /** Why the way of showing is not the one that was wanted, for people; empty when it is. */
  note: string;
  /** Frames shown per second, over the last 3 s. */
  fps: number;
  /** Media received, bits per second, over the last 3 s. */
  bitrate: number;
  /** Time since the frame on screen was captured, by the server's clock; it grows while no frame comes. Null when unknown. */
  age_ms: number | null;
  /** How far the picture is behind the newest received frame. Null before the first frame. */
  latency: number | null;
  /** Smallest round trip to the server lately, or null. */
  rtt_ms: number | null;
  /** Frames the server left out because this viewer was too slow. */
  dropped_server: number;
  /** Frames that came but were not shown. */
  dropped_decoder: number;
  /** Size of the picture in pixels, 0 before the first. */
  width: number;
  height: number;
  /** Frames shown since the stream was opened. */
  frames: number;
  /** How often the connection was set up again. */
  reconnects: number;
}

export interface CamherdPlayerEventMap extends HTMLElementEventMap {
  /** State, reason, mode, quality, its reason, note or size changed. */
  state: CustomEvent<PlayerStats>;
  /** Twice a second. */
  stats: CustomEvent<PlayerStats>;
}

/** `<camherd-player>`. */
export class CamherdPlayer extends HTMLElement {
  /** Address of the server, with `?stream=NAME`; further query parameters are passed on. */
  src: string;
  /** Stream name; empty for the server's default stream. Wins over the one in `src`. */
  stream: string;
  /** `auto` falls back from H.264 to JPEG by itself. */
  mode: 'auto' | 'mse' | 'jpeg';
  /** Highest frame rate asked for in JPEG mode (up to 240), or null for all frames. */
  fps: number | null;
  /** What is asked for: `auto` (the default) is the best that the connection carries. */
  quality: 'auto' | 'high' | 'medium' | 'low';
  /** Freezes the picture; going on continues at the live edge. */
  paused: boolean;
  /** The numbers now, or null while the element is not in a page. */
  readonly stats: PlayerStats | null;
  toggleFullscreen(): Promise<void>;
  /** The picture on screen, or null when there is none. */
  snapshot(type?: string): Promise<Blob | null>;
  addEventListener<K extends keyof CamherdPlayerEventMap>(
    type: K,
    listener: (this: CamherdPlayer, event: CamherdPlayerEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'camherd-player': CamherdPlayer;
  }
}
