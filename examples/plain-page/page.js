// Starts a camera by its address and draws its frames. Everything that the page needs of the client is here.

const SERVER = new URL(document.querySelector('script[src*="js_client.js"]').src).origin;

const form = document.querySelector('form');
const stop = document.querySelector('#stop');
const error = document.querySelector('#error');
const numbers = document.querySelector('#numbers');

let client = null;

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  client?.disconnect();
  client = new RTSPStreamClient(SERVER);
  client.setupCanvas(document.querySelector('canvas'));
  client.onError((message) => (error.textContent = message));
  client.onFrame(() => (error.textContent = ''));
  const { url, width, height } = form.elements;
  const result = await client.startStreamWithURL(url.value, width.valueAsNumber, height.valueAsNumber);
  if (result.success) client.connect();
  stop.disabled = !result.success;
});

stop.addEventListener('click', async () => {
  client.disconnect();
  stop.disabled = true;
  const result = await client.stopStream();
  error.textContent = result.success ? '' : result.error;
});

setInterval(() => {
  if (!client) return;
  const { averageFps, width, height, ageMs, framesReceived } = client.getStats();
  const age = ageMs === null ? '' : `, ${Math.round(ageMs)} ms old when received`;
  numbers.textContent = `${framesReceived} frames, ${averageFps.toFixed(1)} fps, ${width}x${height}${age}`;
}, 500);
