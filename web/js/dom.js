// Building pages out of elements. Text is always set as text, never as HTML: names and reasons come from cameras.

/**
 * Makes an element.
 * @param {string} tag
 * @param {object} [attributes] `class`, `text`, `on*` handlers (functions) or any attribute; null and false are left out
 * @param {(Node|string|null)[]} [children]
 */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false || value === undefined) continue;
    if (name === 'text') node.textContent = value;
    else if (typeof value === 'function') node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Writes text only when it differs, so that live regions speak once. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A button that copies what `text()` gives and says so. */
export function copyButton(text, what) {
  const button = h('button', { type: 'button', class: 'button small', text: 'Copy', 'aria-label': `Copy ${what}` });
  button.addEventListener('click', async () => {
    const done = await copy(text());
    button.textContent = done ? 'Copied' : 'Not copied';
    setTimeout(() => (button.textContent = 'Copy'), 1600);
  });
  return button;
}

/** The clipboard API exists on secure pages only; on a plain http:// address in the LAN the selection does. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = h('textarea', { class: 'offscreen', readonly: true, 'aria-hidden': 'true' });
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand('copy');
    field.remove();
    return done;
  }
}

/** A line of code with a copy button. */
export function codeLine(text, what) {
  return h('div', { class: 'code-line' }, h('code', { text }), copyButton(() => text, what));
}

/** @param {string} name @param {string} file @returns {string} address of one of a stream's outputs */
export function streamUrl(name, file) {
  return new URL(`/streams/${encodeURIComponent(name)}/${file}`, location.href).href;
}

/** @param {string} page @param {string} name @returns {string} address of a page about a stream */
export function pageFor(page, name) {
  return `${page}?${new URLSearchParams({ stream: name })}`;
}
