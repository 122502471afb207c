import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import vm from 'node:vm';

import { OUTPUT, plainScript } from '../scripts/plain.js';

/** The globals of a page before the script runs; those that it touches when it is loaded. */
function page(globals = {}) {
  const defined = new Map();
  const customElements = { get: (name) => defined.get(name), define: (name, element) => defined.set(name, element) };
  const context = vm.createContext({ HTMLElement: class {}, customElements, URL, performance, ...globals });
  context.window = context;
  vm.runInContext(plainScript(), context);
  return { context, defined };
}

test('the script that the server serves is the one that these sources make', () => {
  const served = readFileSync(OUTPUT, 'utf8');
  assert.ok(served === plainScript(), 'run `node scripts/plain.js` in clients/js');
});

test('it gives a page the client and the player', () => {
  const { context, defined } = page();
  const client = vm.runInContext("new RTSPStreamClient('ws://localhost:8091', 'camera1')", context);
  assert.equal(client.httpServerUrl, 'http://localhost:8091');
  assert.equal(context.window.RTSPStreamClient.name, 'RTSPStreamClient');
  assert.deepEqual([...defined.keys()], ['camherd-player']);
});

test('it adds nothing else to the page', () => {
  const before = Object.keys(vm.runInContext('globalThis', vm.createContext({})));
  const added = Object.keys(page().context).filter((name) => !before.includes(name));
  assert.deepEqual(added.sort(), ['HTMLElement', 'RTSPStreamClient', 'URL', 'customElements', 'performance', 'window']);
});

test('the React component is there once React is', () => {
  const { context } = page();
  assert.equal(vm.runInContext('window.RTSPStreamViewer', context), undefined);
  context.React = {};
  assert.equal(vm.runInContext('typeof RTSPStreamViewer', context), 'function');
  assert.equal(vm.runInContext('RTSPStreamViewer === window.RTSPStreamViewer', context), true);
  assert.equal(vm.runInContext('typeof useRTSPStream', context), 'function');
});

test('a page may declare names of its own over it', () => {
  const { context } = page();
  vm.runInContext('const RTSPStreamViewer = () => 1; const useRTSPStream = 2;', context);
  assert.equal(vm.runInContext('RTSPStreamViewer() + useRTSPStream', context), 3);
  const assigned = page({ React: {} }).context;
  vm.runInContext('window.RTSPStreamViewer = 7', assigned);
  assert.equal(vm.runInContext('RTSPStreamViewer', assigned), 7);
});

test('Node.js and bundlers get the client as well', () => {
  const module = { exports: {} };
  page({ module });
  assert.equal(typeof module.exports.RTSPStreamClient, 'function');
});
