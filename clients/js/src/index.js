// Everything of the package but what needs React. Importing it defines <camherd-player>.

export { RTSPStreamClient } from './client.js';
export { CamherdPlayer } from './player.js';
export { formatAge, formatBitrate, formatFps } from './stats.js';
