import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

import { RTSPStreamClient } from '../src/client.js';
import { FakeCanvas, FakeServer, FakeSocket, useFakeFrames } from './fakes.js';

let server;
let refresh;
let errors;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] });
  server = new FakeServer();
  refresh = useFakeFrames();
  errors = [];
});

afterEach(() => {
  mock.timers.reset();
  server.close();
});

function connected(...args) {
  const client = new RTSPStreamClient(...args);
  client.onError((error) => errors.push(error));
  client.connect();
  FakeSocket.newest.open();
  return client;
}

/** A frame of a camherd server: what it announces, then the bytes. */
function send(seq, { width = 2, height = 1, fill = seq, captured = 1000 } = {}) {
  const message = { type: 'frame', seq, captured, width, height };
  FakeSocket.newest.onmessage({ data: JSON.stringify(message) });
  FakeSocket.newest.onmessage({ data: new Uint8Array(width * height * 3).fill(fill).buffer });
}

test('all forms of a server address lead to the same places', async () => {
  for (const address of ['http://cam:8091', 'ws://cam:8091', 'http://cam:8091/', 'cam:8091', 'ws://cam:8091/?x=1']) {
    const client = new RTSPStreamClient(address, 'door');
    assert.equal(client.httpServerUrl, 'http://cam:8091', address);
    assert.equal(client.serverUrl, 'ws://cam:8091', address);
  }
  const behindProxy = new RTSPStreamClient('https://host/cams/');
  assert.equal(behindProxy.serverUrl, 'wss://host/cams');
  await behindProxy.listStreams();
  assert.equal(server.requests[0].url, 'https://host/cams/api/streams');
  assert.throws(() => new RTSPStreamClient('rtsp://cam/1'), /"rtsp:\/\/cam\/1" is not a server address/);
  assert.equal(new RTSPStreamClient().httpServerUrl, 'http://localhost:8091');
  assert.equal(new RTSPStreamClient().streamId, 'camera1');
});

test('startStream posts id, address and size, and gives the answer', async () => {
  server.answer = { message: 'Stream started', stream_id: 'door', rtsp_url: 'rtsp://cam/1', width: 320, height: 240 };
  const client = new RTSPStreamClient('http://host:8091', 'Door');
  const result = await client.startStream('rtsp://cam/1', 320, 240);
  const expected = { message: 'Stream started', streamId: 'door', rtspUrl: 'rtsp://cam/1', width: 320, height: 240 };
  assert.deepEqual(result, { success: true, ...expected });
  const [{ url, method, body }] = server.requests;
  assert.deepEqual([method, url], ['POST', 'http://host:8091/api/streams']);
  assert.deepEqual(body, { stream_id: 'Door', rtsp_url: 'rtsp://cam/1', width: 320, height: 240 });
  assert.equal(client.streamId, 'door', 'the name that the server gave it');
});

test('startStreamWithURL takes the id from the server and 640x480 by default', async () => {
  server.answer = { message: 'Stream already running', stream_id: 'stream_0123456789' };
  const client = new RTSPStreamClient();
  assert.equal((await client.startStreamWithURL('rtsp://cam/1')).success, true);
  assert.equal(client.streamId, 'stream_0123456789');
  assert.deepEqual(server.requests[0].body, { rtsp_url: 'rtsp://cam/1', width: 640, height: 480 });
});

test("a refusal is a result with the server's words, and is reported", async () => {
  server.status = 400;
  server.answer = { error: 'width 9 is not in 16..8192' };
  const client = new RTSPStreamClient();
  client.onError((error) => errors.push(error));
  const result = await client.startStreamWithURL('rtsp://cam/1', 9, 9);
  assert.deepEqual(result, { success: false, error: 'width 9 is not in 16..8192', status: 400, conflict: false });
  assert.deepEqual(errors, ['Failed to start stream: width 9 is not in 16..8192']);
  server.status = 409;
  assert.equal((await client.startStream('rtsp://cam/1')).conflict, true);
});

test('a server that is away is told by its address', async () => {
  server.fetchError = new TypeError('fetch failed');
  const client = new RTSPStreamClient('http://host:8091');
  client.onError(() => {});
  const { error, status } = await client.startStream('rtsp://cam/1');
  assert.deepEqual([error, status], ['http://host:8091 cannot be reached', null]);
});

test('an answer that is no JSON is no crash', async () => {
  server.status = 502;
  server.answer = '<html>Bad gateway</html>';
  const client = new RTSPStreamClient();
  client.onError(() => {});
  const { error } = await client.startStream('rtsp://cam/1');
  assert.equal(error, 'the server answered 502');
});

test('stopping tells a conflict, and takes a missing stream for stopped', async () => {
  const client = new RTSPStreamClient('http://host:8091', 'door');
  server.answer = { message: 'stopped' };
  assert.deepEqual(await client.stopStream(), { success: true, message: 'stopped' });
  assert.deepEqual(await client.forceStopStream(), { success: true, message: 'stopped' });
  server.status = 409;
  server.answer = { error: '2 clients are connected', client_count: 2 };
  const refused = { success: false, error: '2 clients are connected', status: 409, conflict: true, clientCount: 2 };
  assert.deepEqual(await client.stopStream(), refused);
  server.status = 404;
  assert.equal((await client.forceStopStream()).success, true);
  const asked = server.requests.map(({ method, url }) => `${method} ${url}`);
  const one = 'DELETE http://host:8091/api/streams/door';
  assert.deepEqual(asked, [one, `${one}/force`, one, `${one}/force`]);
});

test('lists and numbers are given as the server says them, and are empty without an answer', async () => {
  const client = new RTSPStreamClient('http://host:8091', 'door');
  client.onError((error) => errors.push(error));
  server.answer = { streams: [{ stream_id: 'door' }] };
  assert.deepEqual(await client.listStreams(), [{ stream_id: 'door' }]);
  server.answer = { stream_id: 'door', frame_count: 7 };
  assert.deepEqual(await client.getStreamStats(), server.answer);
  assert.equal(server.requests.at(-1).url, 'http://host:8091/api/streams/door/stats');
  server.status = 404;
  assert.equal(await client.getStreamStats(), null);
  assert.deepEqual(errors, [], 'no such stream is no error');
  server.status = 401;
  server.answer = { error: 'no token' };
  assert.equal(await client.getStreamStats(), null);
  assert.deepEqual(await client.listStreams(), []);
  assert.deepEqual(errors, ['Failed to get stream stats: no token', 'Failed to list streams: no token']);
});

test('a token goes into the header of requests and the address of the socket', async () => {
  for (const client of [
    new RTSPStreamClient('http://host:8091', 'door', { token: 'secret' }),
    new RTSPStreamClient('http://host:8091/?token=secret', 'door'),
  ]) {
    await client.listStreams();
    assert.equal(server.requests.at(-1).headers.Authorization, 'Bearer secret');
    assert.equal(server.requests.at(-1).url, 'http://host:8091/api/streams');
    client.connect();
    assert.equal(FakeSocket.newest.url, 'ws://host:8091/ws/door?meta=1&token=secret');
    client.disconnect();
  }
});

test('callbacks may be registered by a call or assigned, and removed with null', () => {
  const seen = [];
  const client = connected('http://host:8091', 'door');
  client.onFrame((frame, width, height, stats) => seen.push([...frame, width, height, stats.framesReceived]));
  send(5);
  client.onFrame = (frame) => seen.push(`assigned ${frame.length}`);
  send(6);
  client.onFrame(new Uint8Array(3));
  send(7);
  client.onFrame(null);
  send(8);
  assert.deepEqual(seen, [[5, 5, 5, 5, 5, 5, 2, 1, 1], 'assigned 6', 'assigned 6']);
});

test('an error in a callback does not stop what comes after', () => {
  mock.method(console, 'error', () => {});
  const client = connected('http://host:8091', 'door');
  client.onFrame(() => {
    throw new Error('mine');
  });
  send(1);
  send(2);
  assert.equal(client.getStats().framesReceived, 2);
  assert.equal(console.error.mock.callCount(), 2);
  mock.restoreAll();
});

test('frames are drawn as RGBA, the newest at each refresh, and the canvas takes their size', () => {
  const canvas = new FakeCanvas();
  const client = connected('http://host:8091', 'door');
  client.setupCanvas(canvas);
  assert.deepEqual([canvas.width, canvas.height], [640, 480]);
  send(1);
  FakeSocket.newest.onmessage({ data: '{"type":"frame","seq":2,"captured":5,"width":2,"height":1}' });
  FakeSocket.newest.onmessage({ data: Uint8Array.from([10, 20, 30, 40, 50, 60]).buffer });
  refresh();
  assert.deepEqual([canvas.width, canvas.height], [2, 1]);
  assert.deepEqual(canvas.drawn, [[30, 20, 10, 255, 60, 50, 40, 255]]);
  send(3);
  refresh();
  refresh();
  assert.equal(canvas.drawn.length, 2);
  assert.equal(canvas.images, 1, 'one image is used again and again');
  send(4, { width: 1, height: 2 });
  refresh();
  assert.deepEqual([canvas.width, canvas.height, canvas.images], [1, 2, 2]);
  const { framesReceived, framesDrawn, framesDropped } = client.getStats();
  assert.deepEqual([framesReceived, framesDrawn, framesDropped], [4, 3, 1]);
});

test('a canvas without a context is reported', () => {
  const client = new RTSPStreamClient();
  client.onError((error) => errors.push(error));
  client.setupCanvas({ getContext: () => null });
  client.setupCanvas(null);
  assert.equal(errors.length, 2);
  assert.equal(errors[0], 'Canvas setup failed: the canvas has no 2D context');
});

test('a size that was asked for is asked of the socket too; otherwise the stream decides', async () => {
  const client = connected('http://host:8091', 'door');
  assert.equal(FakeSocket.newest.url, 'ws://host:8091/ws/door?meta=1');
  send(1, { width: 4, height: 3 });
  assert.deepEqual([client.width, client.height], [4, 3]);
  client.disconnect();
  client.connect();
  assert.equal(FakeSocket.newest.url, 'ws://host:8091/ws/door?meta=1', 'the size of a frame is no wish');
  client.disconnect();
  await client.startStream('rtsp://cam/1', 320, 200);
  client.connect();
  assert.equal(FakeSocket.newest.url, 'ws://host:8091/ws/door?meta=1&width=320&height=200');
  const wide = new RTSPStreamClient('http://host:8091', 'door');
  wide.width = 1280;
  wide.connect();
  assert.equal(FakeSocket.newest.url, 'ws://host:8091/ws/door?meta=1&width=1280&height=480');
});

test('what the server announces belongs to the next frame alone', () => {
  const infos = [];
  const client = connected('http://host:8091', 'door');
  client.onFrame = (_frame, _width, _height, _stats, info) => infos.push(info);
  send(7, { captured: 5 });
  FakeSocket.newest.onmessage({ data: new ArrayBuffer(6) });
  assert.deepEqual(infos, [{ seq: 7, captured: 5 }, { seq: null, captured: null }]);
});

test('a server that announces no frames sends the size that was asked for', () => {
  const client = connected('http://host:8091', 'door');
  client.width = 2;
  client.height = 2;
  FakeSocket.newest.onmessage({ data: new ArrayBuffer(12) });
  assert.equal(client.getStats().framesReceived, 1);
  FakeSocket.newest.onmessage({ data: new ArrayBuffer(13) });
  FakeSocket.newest.onmessage({ data: new ArrayBuffer(13) });
  assert.equal(client.getStats().framesReceived, 1);
  assert.deepEqual(errors, ['Frame of 13 bytes is no BGR picture of 2x2'], 'told once');
});

test('what a server says of the camera and of skipped frames is in the numbers', () => {
  const client = connected('http://host:8091', 'door');
  const say = (message) => FakeSocket.newest.onmessage({ data: JSON.stringify(message) });
  say({ type: 'state', state: 'live', reason: '' });
  say({ type: 'dropped', missed: 3, total: 3 });
  say({ type: 'dropped', missed: 4, total: 7 });
  say({ type: 'state', state: 'offline', reason: 'the camera refused the password' });
  const { state, reason, framesMissed } = client.getStats();
  assert.deepEqual([state, reason, framesMissed], ['offline', 'the camera refused the password', 7]);
  assert.deepEqual(errors, ['Camera offline: the camera refused the password']);
});

test('a lost connection is told once, comes back and counts', () => {
  const events = [];
  const client = connected('http://host:8091', 'door');
  client.onDisconnect(({ code }) => events.push(`lost ${code}`));
  client.onConnect(() => events.push('connected'));
  send(1);
  FakeSocket.newest.end(1006);
  assert.deepEqual([client.isConnected, client.isReconnecting], [false, true]);
  assert.equal(client.ws, null);
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    mock.timers.tick(10_000);
    assert.equal(client.reconnectAttempts, attempt);
    FakeSocket.newest.end(1006);
  }
  mock.timers.tick(10_000);
  FakeSocket.newest.open();
  send(2);
  assert.deepEqual(events, ['lost 1006', 'connected']);
  const once = ['WebSocket: the connection was closed', 'WebSocket: the server cannot be reached'];
  assert.deepEqual(errors, once);
  const { isConnected, isReconnecting, reconnectAttempts, reconnectCount } = client.getStats();
  assert.deepEqual({ isConnected, isReconnecting, reconnectAttempts, reconnectCount }, {
    isConnected: true,
    isReconnecting: false,
    reconnectAttempts: 0,
    reconnectCount: 4,
  });
  FakeSocket.newest.end(1006);
  assert.deepEqual(errors, [...once, once[0]], 'the same trouble again, after frames, is told again');
});

test('a limit of attempts is kept where one is set', () => {
  const client = connected('http://host:8091', 'door');
  client.maxReconnectAttempts = 2;
  for (let i = 0; i < 5; i += 1) {
    FakeSocket.newest.end(1006);
    mock.timers.tick(10_000);
  }
  assert.equal(FakeSocket.all.length, 3);
  assert.equal(errors.at(-1), 'Max reconnection attempts reached');
  assert.equal(client.isReconnecting, false);
  client.connect();
  assert.equal(FakeSocket.all.length, 4, 'and it can be connected again');
});

test("a refusal tells the server's reason", () => {
  connected('http://host:8091', 'door');
  FakeSocket.newest.end(4404, 'there is no stream door');
  mock.timers.tick(5000);
  FakeSocket.newest.open();
  FakeSocket.newest.end(1013, 'the stream is not running');
  assert.deepEqual(errors, ['WebSocket: there is no stream door', 'WebSocket: the stream is not running']);
});

test('disconnect is told as a clean close, and ends it', () => {
  const closes = [];
  const client = connected('http://host:8091', 'door');
  client.onDisconnect(({ code, wasClean }) => closes.push([code, wasClean]));
  client.disconnect();
  client.disconnect();
  mock.timers.tick(60_000);
  assert.deepEqual(closes, [[1000, true]]);
  assert.equal(FakeSocket.all.length, 1);
  const status = { isConnected: false, isReconnecting: false, reconnectAttempts: 0, streamId: 'door' };
  assert.deepEqual(client.getConnectionStatus(), { ...status, maxReconnectAttempts: Infinity, wsState: null });
});

test('connect while connected changes nothing', () => {
  const client = connected('http://host:8091', 'door');
  client.connect();
  assert.equal(FakeSocket.all.length, 1);
  assert.equal(client.ws, FakeSocket.newest);
});

test('numbers can be set to zero', () => {
  const client = connected('http://host:8091', 'door');
  send(1);
  assert.ok(client.getStats().lastFrameTime > 0);
  client.resetStats();
  const { framesReceived, bytesReceived, averageFps, lastFrameTime } = client.getStats();
  assert.deepEqual({ framesReceived, bytesReceived, averageFps, lastFrameTime }, {
    framesReceived: 0,
    bytesReceived: 0,
    averageFps: 0,
    lastFrameTime: null,
  });
});
