// The plain script: everything as globals, for pages without modules. `scripts/plain.js` makes one file of it.

import './player.js';
import { RTSPStreamClient } from './client.js';
import { bindReact } from './react-bindings.js';

globalThis.RTSPStreamClient = RTSPStreamClient;

let bound = null;

// React may be loaded before or after this script: it is looked for when the component is asked for.
for (const name of ['RTSPStreamViewer', 'useRTSPStream']) {
  Object.defineProperty(globalThis, name, {
    configurable: true,
    get() {
      const { React } = globalThis;
      if (!React) return undefined;
      if (bound?.React !== React) bound = { React, ...bindReact(React) };
      return bound[name];
    },
    // A page's own component of this name, such as the former one.
    set(value) {
      Object.defineProperty(globalThis, name, { configurable: true, enumerable: true, writable: true, value });
    },
  });
}

if (typeof module === 'object' && module?.exports) module.exports = { RTSPStreamClient };
