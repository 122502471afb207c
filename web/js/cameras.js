// Adding and removing cameras that the server fetches, through its API.

import { ask } from '/static/camherd/server-api.js';
import { h } from './dom.js';

/** What the API calls the fields of the form. */
const FIELDS = { '`stream_id`': 'Name', '`url`': 'Address', '`rtsp_url`': 'Address' };

/** @param {string} message the server's words @returns {string} the same with the form's names */
function inWordsOfTheForm(message) {
  return message.replace(/`\w+`/g, (field) => FIELDS[field] ?? field);
}

/** @param {object} stream an entry of the server's list @returns {boolean} whether it was added here or through the API */
export function isRemovable(stream) {
  return Boolean(stream?.source) && !stream.configured;
}

/**
 * A dialog with a form, which goes away when it is done or given up.
 * @param {string} title
 * @param {Node[]} body what stands above the buttons
 * @param {{label: string, danger?: boolean, act: () => Promise<void>}} action what the button does; its error is shown
 */
export function openDialog(title, body, { label, danger = false, act }) {
  const trouble = h('p', { class: 'trouble', role: 'alert', hidden: true });
  const submit = h('button', { class: `button primary${danger ? ' danger' : ''}`, text: label });
  const cancel = h('button', { type: 'button', class: 'button', text: 'Cancel', onclick: () => dialog.close() });
  const form = h('form', {}, h('h2', { id: 'dialog-title', text: title }), ...body, trouble);
  form.append(h('div', { class: 'dialog-actions' }, cancel, submit));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    submit.disabled = true;
    trouble.hidden = true;
    try {
      await act();
      dialog.close();
    } catch (error) {
      trouble.textContent = inWordsOfTheForm(error.message);
      trouble.hidden = false;
    }
    submit.disabled = false;
  });
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' }, form);
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** A labelled input that is needed, with a hint. @returns {{input: HTMLInputElement, node: HTMLElement}} */
export function field(id, label, hint, attributes) {
  const input = h('input', { id, required: true, autocomplete: 'off', spellcheck: 'false', 'aria-describedby': `${id}-hint`, ...attributes });
  const node = h('div', { class: 'field' }, h('label', { for: id, text: label }), input, h('p', { id: `${id}-hint`, class: 'quiet', text: hint }));
  return { input, node };
}

/**
 * Asks for a camera and adds it.
 * @param {(name: string) => void} done called with the name of the stream
 */
export function addCamera(done) {
  const url = field('camera-url', 'Address', 'rtsp:// for an IP camera, http:// for MJPEG or single JPEGs, tcpcam:// for a TCPCam. A password in it is never shown again.', {
    inputmode: 'url',
    placeholder: 'rtsp://user:password@192.168.1.20/stream1',
  });
  const name = field('camera-name', 'Name', 'Letters, digits, - and _. It becomes a part of the addresses.', {
    autocapitalize: 'none',
    maxlength: 64,
    placeholder: 'front-door',
  });
  const onDemand = h('input', { type: 'checkbox' });
  const choice = h('label', { class: 'choice' }, onDemand, 'Connect only while somebody watches');
  openDialog('Add a camera', [url.node, name.node, choice], {
    label: 'Add',
    act: async () => {
      const body = { stream_id: name.input.value.trim(), url: url.input.value.trim(), on_demand: onDemand.checked };
      const answer = await ask(location.origin, '/api/streams', { method: 'POST', body });
      done(answer.name);
    },
  });
}

/** A button that opens the form of `addCamera`. */
export function addButton(done, attributes = {}) {
  return h('button', { type: 'button', class: 'button', text: 'Add a camera', onclick: () => addCamera(done), ...attributes });
}

/**
 * Asks whether to remove a camera, and does it.
 * @param {string} name of the stream
 * @param {() => void} done called when it is gone
 */
export function removeCamera(name, done) {
  const text = 'The server stops fetching it and forgets its address. Whoever watches it loses the picture.';
  openDialog(`Remove ${name}?`, [h('p', { text })], {
    label: 'Remove',
    danger: true,
    act: async () => {
      // By force, because the picture behind the question is a viewer as well.
      try {
        await ask(location.origin, `/api/streams/${encodeURIComponent(name)}/force`, { method: 'DELETE' });
      } catch (error) {
        // Somebody else was faster.
        if (error.status !== 404) throw error;
      }
      done();
    },
  });
}

/** A button that asks whether to remove the camera. */
export function removeButton(name, done, attributes = {}) {
  const act = () => removeCamera(name, done);
  return h('button', { type: 'button', class: 'button small', text: 'Remove', 'aria-label': `Remove ${name}`, onclick: act, ...attributes });
}
