// The overview: all cameras, the only one in full, or how to connect the first.

import '/static/camherd/player.js';
import { addButton } from './cameras.js';
import { h } from './dom.js';
import { emptyState, refusedPanel } from './setup.js';
import { Banner, updateFoot } from './shell.js';
import { StatusPoller } from './status.js';
import { Grid } from './tile.js';
import { WatchView } from './watch-view.js';

const main = document.querySelector('main');
const foot = document.querySelector('#foot');
const banner = new Banner(document.querySelector('#banner'));
const notices = h('div', { 'aria-live': 'polite' });
let current = { kind: '', view: null };

/** Puts another view into the page unless it is there already. */
function show(kind, make) {
  if (current.kind === kind) return current.view;
  current.view?.remove();
  current = { kind, view: make() };
  main.replaceChildren(notices, current.view.node ?? current.view);
  return current.view;
}

function showRefused(refused) {
  const panel = refusedPanel(refused);
  // The same words are left alone, so that they can be selected and are read out once.
  if ((panel?.textContent ?? '') === notices.textContent) return;
  notices.replaceChildren(...(panel ? [panel] : []));
}

function render(view) {
  banner.update(view);
  const { status } = view;
  if (!status) return;
  updateFoot(foot, status);
  const streams = status.streams ?? [];
  showRefused(status.refused_cameras);
  if (streams.length === 0) {
    show('empty', () => emptyState(addButton(renew, { class: 'button primary' })));
  } else if (streams.length === 1) {
    show(`one:${streams[0].name}`, () => new WatchView(streams[0].name, renew)).update(streams[0], streams);
  } else {
    show('grid', () => new Grid(renew)).update(streams);
  }
}

const poller = new StatusPoller(render);
const renew = () => poller.renew();
document.querySelector('header').append(addButton(renew));
poller.start();
