// The page about one stream.

import '/static/camherd/player.js';
import { addButton } from './cameras.js';
import { emptyState } from './setup.js';
import { Banner, updateFoot } from './shell.js';
import { StatusPoller, wantedStream } from './status.js';
import { WatchView } from './watch-view.js';

const main = document.querySelector('main');
const foot = document.querySelector('#foot');
const banner = new Banner(document.querySelector('#banner'));
let view = null;

function open(name) {
  document.title = `${name} – camherd`;
  view = new WatchView(name, () => location.assign('/'));
  main.replaceChildren(view.node);
}

// A name in the address needs no answer from the server before the picture can start.
const asked = wantedStream(null);
if (asked) open(asked);

const poller = new StatusPoller((seen) => {
  banner.update(seen);
  const { status } = seen;
  if (!status) return;
  updateFoot(foot, status);
  const streams = status.streams ?? [];
  const name = wantedStream(status);
  if (!view && name) open(name);
  if (view) view.update(streams.find((stream) => stream.name === view.name), streams);
  else if (!main.querySelector('.empty')) main.replaceChildren(emptyState(addButton(() => poller.renew(), { class: 'button primary' })));
});
poller.start();
