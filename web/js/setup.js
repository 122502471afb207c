// How to get a first camera connected, and what to do about cameras that were turned away.

import { formatAge } from '/static/camherd/stats.js';
import { codeLine, h } from './dom.js';
import { plural } from './shell.js';

const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;

function cameraAddress() {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws/camera`;
}

function step(title, ...body) {
  return h('li', {}, h('h3', { text: title }), ...body);
}

function p(text) {
  return h('p', { text });
}

/** The page before any camera came. @param {HTMLElement} add a button for cameras that the server fetches */
export function emptyState(add) {
  const port = location.port || (location.protocol === 'https:' ? '443' : '80');
  const local = LOOPBACK.test(location.hostname);
  const host = local ? 'ADDRESS-OF-THIS-COMPUTER' : location.hostname;
  const steps = h('ol', { class: 'steps' });
  if (local) {
    steps.append(
      step(
        'Let cameras in your network reach this server',
        p('You are looking at the server on its own computer. Unless set otherwise it listens there only. Put this into camherd.yaml and restart:'),
        codeLine(`http:\n  listen: 0.0.0.0:${port}\ningest: open`, 'the settings'),
        p('Listening wider switches sign-in on for viewers. Instead of "open", ingest takes a list of addresses or networks.'),
      ),
    );
  }
  steps.append(
    step(
      'Point a camera at it',
      p('Any WebSocket client that sends one JPEG per binary message works. A name after a slash tells several cameras apart.'),
      codeLine(local ? cameraAddress().replace(location.hostname, host) : cameraAddress(), 'the camera address'),
      p('On the console of an ESP32 device:'),
      codeLine(`stream set host ${host} ${port} save`, 'the device command'),
      codeLine('stream start', 'the device command'),
    ),
    step(
      'No camera at hand?',
      p('A virtual one runs on this computer:'),
      codeLine(`camherd camera ${cameraAddress()}`, 'the command'),
    ),
  );
  return h(
    'section',
    { class: 'empty', 'aria-labelledby': 'empty-title' },
    h('h1', { id: 'empty-title', text: 'No camera yet' }),
    h('p', { class: 'lead', text: 'The server is running and waiting. The picture appears here by itself as soon as there is a camera.' }),
    h(
      'section',
      { class: 'panel first-steps', 'aria-labelledby': 'fetched-title' },
      h('h2', { id: 'fetched-title', text: 'An IP camera' }),
      p('The server fetches it by its address: rtsp://, http:// with MJPEG or single JPEGs, or tcpcam://.'),
      add,
    ),
    h('h2', { text: 'A camera that connects by itself, such as an ESP32' }),
    steps,
  );
}

/** Attempts this recent are one and the same to a reader; steps of it keep the panel still while text is selected, ms. */
const AGE_STEP_MS = 15_000;

function ago(ms) {
  return ms < AGE_STEP_MS ? 'just now' : `${formatAge(ms - (ms % AGE_STEP_MS))} ago`;
}

/** A panel about cameras that the server turned away, or null. */
export function refusedPanel(refused) {
  if (!refused?.length) return null;
  const items = refused.map((camera) =>
    h(
      'li',
      {},
      h('strong', { text: camera.address }),
      camera.stream ? h('span', { class: 'quiet', text: ` as ${camera.stream}` }) : null,
      h('span', { class: 'quiet', text: ` · ${plural(camera.count, 'attempt')}, last ${ago(camera.last_ms_ago)}` }),
      h('p', { text: camera.reason }),
    ),
  );
  const title = refused.length === 1 ? 'A camera was turned away' : `${refused.length} cameras were turned away`;
  return h('section', { class: 'panel warn', 'aria-label': title }, h('h2', { text: title }), h('ul', { class: 'plain' }, ...items));
}
