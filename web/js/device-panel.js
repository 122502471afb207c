// The camera as a device: how it fares and what it is set to, for cameras that speak the device channel.

import { ask } from '/static/camherd/server-api.js';
import { field, openDialog } from './cameras.js';
import { h, setText } from './dom.js';

/** Signal strengths from which on a connection is called so, dBm. */
const SIGNALS = [
  [-60, 'good'],
  [-70, 'fair'],
  [-80, 'weak'],
  [-Infinity, 'very weak'],
];

/** Reasons of a start that a person should look into, and what to do. */
const TROUBLES = new Map([
  ['panic', 'It restarted because its firmware crashed.'],
  ['watchdog', 'It restarted because its firmware hung.'],
  ['brownout', 'It restarted because its voltage dropped: try another power supply or cable.'],
]);

/** What becomes of firmware that has not proved itself, in words. */
const IMAGES = new Map([
  ['trial', ', new and on trial'],
  ['rolled-back', ', as before: the latest update did not work and was taken back'],
]);

/** Above this a chip of an ESP32 is marked, °C; it is made for 105. */
const HOT = 85;

/** A report older than this says little about now, ms: three that did not come. */
const OLD_REPORT_MS = 30_000;

/** Rates that a slider can choose, pictures a second. */
const MOST_FPS = 60;

/** How long the word stays that a change was made, ms. */
const SAID_MS = 4000;

/** In the place of a value that is not known. */
const NOTHING = '–';

const MEASURES = [
  ['model', 'Model'],
  ['firmware', 'Firmware'],
  ['sensor', 'Sensor'],
  ['signal', 'Wi-Fi signal'],
  ['temperature', 'Temperature'],
  ['memory', 'Free memory'],
  ['times', 'Time per picture'],
  ['sends', 'Sends'],
  ['lost', 'Not sent'],
  ['uptime', 'Running for'],
];

export class DevicePanel {
  #values = new Map();
  #controls = new Map();
  /** What was chosen and is not sent yet, of each control the newest; and what to say when all of it is done. */
  #chosen = {};
  #done = '';
  #busy = false;
  #said = 0;

  /** @param {string} name of the stream */
  constructor(name) {
    this.path = `/api/streams/${encodeURIComponent(name)}/device`;
    this.name = name;
    this.list = h('dl', { class: 'numbers' });
    for (const [key, label] of MEASURES) {
      const value = h('dd', { text: NOTHING });
      const row = h('div', {}, h('dt', { text: label }), value);
      this.#values.set(key, { row, value });
      this.list.append(row);
    }
    this.note = h('p', { class: 'quiet', hidden: true });
    this.progress = h('progress', { max: 100, 'aria-label': 'Update', hidden: true });
    this.status = h('p', { class: 'quiet device-status', role: 'status' });
    this.node = h(
      'section',
      { class: 'panel device', 'aria-label': 'The device', hidden: true },
      h('h2', { text: 'The device' }),
      this.note,
      this.progress,
      h('div', { class: 'device-body' }, this.list, h('div', {}, this.#settings(), this.status, this.#actions())),
    );
  }

  #settings() {
    this.size = this.#control('size', h('select', { id: 'device-size' }), 'Picture size');
    this.fields = h('fieldset', { class: 'device-settings' }, h('legend', { text: 'Settings' }), this.size.row);
    this.fields.append(
      this.#slider('quality', 'Quality', { min: 1, max: 100 }, (value) => value),
      this.#slider('fps', 'Pictures a second', { min: 1, max: MOST_FPS }, (value) => `at most ${value}`),
      (this.lamp = this.#slider('led', 'Lamp', { min: 0, max: 100 }, (value) => (value === '0' ? 'off' : `${value} %`))),
      this.#tick('flip', 'Upside down'),
      this.#tick('mirror', 'Mirrored'),
      this.#tick('adapt', 'Give less when its network is slow'),
    );
    return this.fields;
  }

  /** Keeps a control, and sends what is chosen with it. */
  #control(key, input, label, { read = () => input.value, show = (value) => (input.value = value) } = {}) {
    input.addEventListener('change', () => this.#set({ [key]: read() }));
    const row = h('div', { class: 'setting' }, h('label', { for: input.id, text: label }), input);
    const control = { input, row, show, read, held: false };
    // A slider that is being drawn stays in the hand, whatever the device says meanwhile.
    input.addEventListener('input', () => (control.held = true));
    for (const event of ['change', 'blur']) input.addEventListener(event, () => (control.held = false));
    this.#controls.set(key, control);
    return control;
  }

  #slider(key, label, range, words) {
    const input = h('input', { type: 'range', id: `device-${key}`, ...range });
    const output = h('output', { for: input.id });
    const say = () => {
      output.textContent = words(input.value);
      input.setAttribute('aria-valuetext', output.textContent);
    };
    input.addEventListener('input', say);
    const show = (value) => {
      // Nothing is painted anew at each poll beside a playing picture.
      if (input.value === String(value) && output.textContent) return;
      input.value = value;
      say();
    };
    const { row } = this.#control(key, input, label, { read: () => Number(input.value), show });
    row.insertBefore(output, input);
    return row;
  }

  #tick(key, label) {
    const input = h('input', { type: 'checkbox', id: `device-${key}` });
    this.#control(key, input, label, { read: () => input.checked, show: (value) => (input.checked = value) });
    return h('label', { class: 'choice' }, input, label);
  }

  #actions() {
    const button = (text, onclick) => h('button', { type: 'button', class: 'button small', text, onclick });
    this.keep = button('Keep settings', () => this.#set({ save: true }, 'The device keeps its settings over restarts.'));
    this.restart = button('Restart', () => this.#askToRestart());
    this.renew = button('Update', () => this.#askToUpdate());
    return h('div', { class: 'device-actions' }, this.keep, this.restart, this.renew);
  }

  #send(body) {
    return ask(location.origin, this.path, { method: 'POST', body });
  }

  /** Sends what is chosen: one message at a time, as keys on a slider choose faster than a device answers. */
  async #set(body, done = 'Done.') {
    Object.assign(this.#chosen, body);
    this.#done = done;
    this.#say('Telling the device…');
    if (this.#busy) return;
    this.#busy = true;
    let trouble = '';
    while (Object.keys(this.#chosen).length > 0) {
      const chosen = this.#chosen;
      this.#chosen = {};
      try {
        ({ settings: this.settings } = await this.#send(chosen));
        trouble = '';
      } catch (error) {
        trouble = error.message;
      }
    }
    this.#busy = false;
    // What is shown must be what is set: where the device refused, its own values come back.
    if (this.settings) this.#show(this.settings);
    this.#say(trouble || this.#done, trouble !== '');
  }

  #say(text, isTrouble = false) {
    clearTimeout(this.#said);
    this.status.classList.toggle('trouble', isTrouble);
    setText(this.status, text);
    if (!isTrouble) this.#said = setTimeout(() => setText(this.status, ''), SAID_MS);
  }

  #askToRestart() {
    const text = 'The picture is away for some seconds. Settings that are not kept go back to those that are.';
    openDialog(`Restart the device of ${this.name}?`, [h('p', { text })], {
      label: 'Restart',
      danger: true,
      act: async () => {
        await this.#send({ reboot: true });
        this.#say('The device restarts.');
      },
    });
  }

  #askToUpdate() {
    const digits = { autocapitalize: 'none' };
    const url = field('update-url', 'Address of the firmware', 'http:// or https://, from where the device itself fetches it.', { inputmode: 'url', maxlength: 255 });
    const size = field('update-size', 'Size in bytes', 'stat -c %s firmware.bin', { inputmode: 'numeric', pattern: '[0-9]+' });
    const sha256 = field('update-sha256', 'SHA-256', 'sha256sum firmware.bin', { ...digits, minlength: 64, maxlength: 64 });
    const signature = field('update-signature', 'Signature', 'In base64, made with the key that this device was built for. It starts nothing else.', digits);
    openDialog(`Update the device of ${this.name}`, [url.node, size.node, sha256.node, signature.node], {
      label: 'Update',
      act: async () => {
        const update = { url: url.input.value.trim(), size: Number(size.input.value), sha256: sha256.input.value.trim(), signature: signature.input.value.trim() };
        await this.#send({ update });
        this.#say('The device fetches the update. It gives no pictures meanwhile.');
      },
    });
  }

  /** @param {object|null|undefined} device what the API says of the stream's device; null when it has none */
  update(device) {
    this.node.hidden = !device;
    if (!device) return;
    const { hello, connected } = device;
    this.settings = device.settings;
    this.fields.disabled = !connected;
    for (const button of [this.keep, this.restart]) button.disabled = !connected;
    this.renew.disabled = !connected || device.update?.state === 'loading';
    this.renew.hidden = !hello.has_update;
    this.lamp.hidden = !hello.has_led;
    this.#controls.get('fps').input.max = Math.min(hello.max_fps ?? MOST_FPS, MOST_FPS);
    this.#sizes(hello.sizes, device.settings.size);
    this.#measures(device);
    this.#notes(device);
    // What somebody is about to choose is not taken out of their hand.
    if (!this.#busy && !this.fields.contains(document.activeElement)) this.#show(device.settings);
  }

  #show(settings) {
    this.settings = settings;
    for (const [key, { show, held }] of this.#controls) {
      if (!held && settings[key] !== null && settings[key] !== undefined) show(settings[key]);
    }
  }

  #sizes(sizes, current) {
    const names = current && !sizes.includes(current) ? [...sizes, current] : sizes;
    if (names.join() === this.known) return;
    this.known = names.join();
    this.size.input.replaceChildren(...names.map((name) => h('option', { value: name, text: name.replace('x', ' × ') })));
    if (current) this.size.input.value = current;
  }

  #measures({ hello, telemetry, telemetry_age_ms: age }) {
    const put = (key, text, isOld = false) => {
      const { row, value } = this.#values.get(key);
      row.hidden = !text;
      setText(value, text || NOTHING);
      value.classList.toggle('old', isOld);
    };
    const t = age !== null && age < OLD_REPORT_MS ? telemetry : {};
    put('model', hello.model);
    put('firmware', hello.firmware + (IMAGES.get(hello.image) ?? ''));
    put('sensor', hello.sensor || 'none found', !hello.sensor);
    put('signal', signal(t.rssi), t.rssi < -70);
    put('temperature', known(t.temperature) && `${t.temperature} °C`, t.temperature >= HOT);
    put('memory', memory(t));
    put('times', times(t));
    put('sends', sends(t));
    put('lost', lost(t));
    put('uptime', known(t.uptime) && duration(t.uptime));
  }

  #notes({ hello, connected, resting, update }) {
    const notes = [];
    if (!connected) notes.push('It is not connected. This is what it said before.');
    if (connected && TROUBLES.has(hello.reset)) notes.push(TROUBLES.get(hello.reset));
    if (connected && resting) notes.push('It rests, because nobody watches.');
    if (update?.state === 'failed') notes.push(`The update failed: ${update.error}`);
    if (connected && update?.state === 'restarting') notes.push('It restarts into its update.');
    const loads = connected && update?.state === 'loading';
    if (loads) notes.push(`It loads an update: ${update.percent} %`);
    this.progress.hidden = !loads;
    if (loads) this.progress.value = update.percent;
    setText(this.note, notes.join(' '));
    this.note.hidden = notes.length === 0;
  }
}

function known(value) {
  return typeof value === 'number';
}

function signal(rssi) {
  if (!known(rssi)) return '';
  const [, word] = SIGNALS.find(([from]) => rssi >= from);
  return `${word} (${rssi} dBm)`.replace('-', '−');
}

function memory({ heap, psram }) {
  const parts = [];
  if (known(heap)) parts.push(bytes(heap));
  if (known(psram)) parts.push(`PSRAM ${bytes(psram)}`);
  return parts.join(', ');
}

function bytes(count) {
  return count >= 1e6 ? `${(count / 1e6).toFixed(1)} MB` : `${Math.round(count / 1e3)} KB`;
}

function times({ capture_ms: capture, convert_ms: convert, send_ms: send }) {
  const parts = [
    [capture, 'taken'],
    [convert, 'made a JPEG'],
    [send, 'sent'],
  ];
  return parts
    .filter(([ms]) => known(ms) && ms > 0)
    .map(([ms, word]) => `${word} ${ms} ms`)
    .join(', ');
}

function sends({ fps, kbit_s: rate, size, quality }) {
  if (fps === 0) return 'nothing';
  const parts = [];
  if (known(rate)) parts.push(rate >= 1000 ? `${(rate / 1000).toFixed(1)} Mbit/s` : `${rate} kbit/s`);
  if (known(fps)) parts.push(`${fps} a second`);
  if (size) parts.push(size.replace('x', ' × '));
  if (known(quality)) parts.push(`quality ${quality}`);
  return parts.join(', ');
}

function lost(t) {
  const words = [
    [t.replaced, 'replaced by newer ones'],
    [t.stale, 'too old'],
    [t.failed, 'lost'],
    [t.camera_errors, 'not taken'],
  ];
  const parts = words.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  return parts.join(', ') || (known(t.sent) ? 'none' : '');
}

function duration(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min` : `${seconds} s`;
}
