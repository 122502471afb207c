// All streams of a camherd server, side by side.

// The address of the server; a page of the app may set it before this script.
const SERVER = window.CAMHERD_URL ?? 'http://localhost:8091';

/** How often the list of streams is renewed, ms. */
const RENEW_MS = 5000;

const main = document.querySelector('main');
const error = document.querySelector('#error');
const lister = new RTSPStreamClient(SERVER);
lister.onError((message) => (error.textContent = message));

/** A stream as H.264, which costs next to nothing. */
function play(figure, id) {
  const player = document.createElement('camherd-player');
  player.src = `${lister.httpServerUrl}/?stream=${encodeURIComponent(id)}`;
  player.setAttribute('hud', 'mini');
  figure.prepend(player);
  return () => player.remove();
}

/** The same as raw frames on a canvas, for those who want the pixels. */
function pixels(figure, id) {
  const canvas = document.createElement('canvas');
  figure.prepend(canvas);
  const client = new RTSPStreamClient(SERVER, id);
  client.setupCanvas(canvas);
  client.onError((message) => (error.textContent = `${id}: ${message}`));
  client.onFrame(() => (error.textContent = ''));
  client.connect();
  return () => {
    client.disconnect();
    canvas.remove();
  };
}

function show(id) {
  const figure = document.createElement('figure');
  const caption = document.createElement('figcaption');
  const button = document.createElement('button');
  caption.append(id, button);
  figure.append(caption);
  figure.id = id;
  main.append(figure);
  let raw = false;
  let close = play(figure, id);
  button.textContent = 'Pixels';
  button.addEventListener('click', () => {
    close();
    raw = !raw;
    close = raw ? pixels(figure, id) : play(figure, id);
    button.textContent = raw ? 'Player' : 'Pixels';
  });
}

async function renew() {
  const streams = await lister.listStreams();
  if (streams.length) error.textContent = '';
  for (const { stream_id: id } of streams) if (!document.getElementById(id)) show(id);
}

renew();
setInterval(renew, RENEW_MS);
