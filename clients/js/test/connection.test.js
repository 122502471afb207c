import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

import { Connection, retryDelay } from '../src/connection.js';
import { FakeSocket } from './fakes.js';

const newest = () => FakeSocket.newest;
let log;
let connection;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] });
  FakeSocket.all = [];
  globalThis.WebSocket = FakeSocket;
  globalThis.addEventListener = () => {};
  globalThis.removeEventListener = () => {};
  log = { status: [], closes: [], text: [], binary: [] };
  connection = new Connection({
    url: () => 'ws://host/ws/fmp4',
    refused: async () => log.refuse === true,
    text: (message) => log.text.push(message),
    binary: (bytes) => log.binary.push(bytes),
    status: (status, detail, close) => log.closes.push(close) && log.status.push(detail ? `${status}: ${detail}` : status),
  });
});

afterEach(() => {
  connection.stop();
  mock.timers.reset();
});

test('waiting times double up to 10 s, with jitter down to one half', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 99].map((n) => retryDelay(n, 1)), [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.equal(retryDelay(0, 0), 250);
  assert.equal(retryDelay(9, 0), 5000);
});

test('messages are handed on in order, pongs are kept for the clock, nonsense is ignored', () => {
  connection.start();
  newest().open();
  const bytes = new ArrayBuffer(4);
  for (const data of ['{"type":"state","state":"live"}', bytes, 'not json', '7', 'null', '{"type":"pong","t":1,"now":2}']) {
    newest().onmessage({ data });
  }
  assert.deepEqual(log.text, [{ type: 'state', state: 'live' }]);
  assert.deepEqual(log.binary, [bytes]);
  assert.notEqual(connection.clock.offset, null);
});

test('pings are sent at once and go on', () => {
  connection.start();
  newest().open();
  const pingsAfter = (ms) => {
    for (let passed = 0; passed < ms; passed += 100) mock.timers.tick(100);
    return newest().sent.filter((message) => message.type === 'ping').length;
  };
  assert.equal(pingsAfter(1000), 4);
  assert.equal(pingsAfter(5000), 7);
});

test('a server that goes away is found again', () => {
  connection.start();
  newest().open();
  newest().end(1001);
  assert.deepEqual(log.status, ['connecting', 'open', 'lost: the server is restarting']);
  mock.timers.tick(600);
  assert.equal(FakeSocket.all.length, 2);
  newest().open();
  assert.equal(log.status.at(-1), 'open');
  assert.equal(connection.reconnects, 1);
});

test('refusals by close code are told apart and tried again slowly', () => {
  connection.start();
  newest().open();
  newest().end(4404, 'no stream "x"');
  assert.equal(log.status.at(-1), 'not-found: no stream "x"');
  mock.timers.tick(4900);
  assert.equal(FakeSocket.all.length, 1);
  mock.timers.tick(200);
  newest().open();
  newest().end(4401);
  assert.equal(log.status.at(-1), 'signed-out');
});

test("a server that refuses gives its reason and is tried again soon", () => {
  connection.start();
  newest().open();
  newest().end(1013, 'the limit of 1024 viewers is reached');
  assert.equal(log.status.at(-1), 'refused: the limit of 1024 viewers is reached');
  assert.deepEqual(log.closes.at(-1), { code: 1013, reason: 'the limit of 1024 viewers is reached', wasClean: false });
  mock.timers.tick(600);
  assert.equal(FakeSocket.all.length, 2);
});

test('a handler may stop it at any change', () => {
  for (const when of ['connecting', 'open', 'lost']) {
    const stopping = new Connection({
      url: () => 'ws://host/',
      status: (status) => status === when && stopping.stop(),
    });
    FakeSocket.all = [];
    stopping.start();
    newest()?.open();
    if (newest()?.readyState === 1) newest().end(1006);
    mock.timers.tick(60_000);
    assert.equal(FakeSocket.all.length, when === 'connecting' ? 0 : 1, when);
  }
});

test('a socket that never opens asks whether a sign-in is wanted', async () => {
  log.refuse = true;
  connection.start();
  newest().end(1006);
  assert.equal(log.status.at(-1), 'lost: the server cannot be reached');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(log.status.at(-1), 'signed-out');
});

test('an attempt without an answer is given up', () => {
  connection.start();
  mock.timers.tick(8000);
  assert.equal(log.status.at(-1), 'lost: the server does not answer');
  assert.ok(FakeSocket.all[0].closedByUs);
});

test('events of a socket that was let go are ignored', () => {
  connection.start();
  const old = newest();
  old.open();
  connection.restart();
  assert.notEqual(newest(), old);
  const before = log.status.length;
  old.onmessage({ data: '{"type":"state"}' });
  old.end(1006);
  assert.equal(log.text.length, 0);
  assert.equal(log.status.length, before);
});

test('a wait for the next retry can be ended, and an open connection is left alone', () => {
  connection.start();
  newest().open();
  connection.wake();
  assert.equal(FakeSocket.all.length, 1);
  newest().end(1011);
  connection.wake();
  assert.equal(FakeSocket.all.length, 2);
});

test('after stop nothing is tried again', () => {
  connection.start();
  newest().open();
  newest().end(1001);
  connection.stop();
  mock.timers.tick(60_000);
  assert.equal(FakeSocket.all.length, 1);
});

test('an impossible address is told', () => {
  globalThis.WebSocket = class {
    constructor() {
      throw new Error('bad address');
    }
  };
  connection.start();
  assert.equal(log.status.at(-1), 'lost: bad address');
});
