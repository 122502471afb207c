// Everything of the package. Importing it defines <camherd-player>.

export { CamherdPlayer } from './player.js';
export { formatAge, formatBitrate, formatFps } from './stats.js';
