export * from './client.js';
export * from './player.js';

/** For people: `85 ms`, `2.4 s`, `3 min`; a dash when unknown. */
export function formatAge(ms: number | null): string;
/** For people: `640 kbit/s`, `1.2 Mbit/s`. */
export function formatBitrate(bps: number): string;
/** For people: `29.9 fps`. */
export function formatFps(fps: number): string;
