// How the player looks. A constructed style sheet, because a page's content security policy may rule out inline styles.

const CSS = `
:host { display: block; position: relative; width: 100%; min-width: 0; aspect-ratio: 4 / 3; overflow: hidden;
  background: #0b0d10; color: #f4f6f8; container-type: inline-size;
  font: 500 13px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; }
:host([hidden]) { display: none; }
:host(:fullscreen) { width: 100vw; height: 100vh; max-height: none; aspect-ratio: auto; border-radius: 0; }
video, canvas { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; transition: opacity .3s; }
.mse canvas, .jpeg video { display: none; }
.stale video, .stale canvas { opacity: .35; }
.stage { position: absolute; inset: 0; }

.message { position: absolute; inset: 0; display: grid; place-content: center; justify-items: center; gap: 6px;
  padding: 16px; text-align: center; text-wrap: balance; text-shadow: 0 1px 3px #000a; }
.message[hidden] { display: none; }
.title { font-size: 16px; font-weight: 600; }
.detail { color: #d5dbe1; max-width: 46ch; overflow-wrap: anywhere; }
.message a { color: #fff; font-weight: 600; text-underline-offset: 3px; }

.hud { position: absolute; left: 0; right: 0; bottom: 0; display: none; align-items: center; gap: 6px 14px;
  min-height: 34px;
  padding: 4px 12px; background: #000d; white-space: nowrap; pointer-events: none; }
:host([hud]) .hud { display: flex; }
.badge { display: inline-flex; align-items: center; gap: 7px; font-weight: 650; font-size: 11px; letter-spacing: .06em; }
.badge::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: currentColor; }
.badge.live { color: #4ade80; } .badge.trouble { color: #fca5a5; } .badge.waiting { color: #fcd34d; }
.numbers { overflow: hidden; text-overflow: ellipsis; color: #e8ecf0; }
.old, .quality { color: #fcd34d; }
.note { position: absolute; top: 10px; left: 10px; max-width: calc(100% - 20px); padding: 3px 9px; border-radius: 6px;
  background: #000a; color: #fde68a; font-size: 12px; }
.note[hidden], :host(:not([hud])) .note { display: none; }
:host([hud="mini"]) .more, :host([hud="mini"]) .note { display: none; }
:host([hud="mini"]) .hud { min-height: 26px; padding: 2px 10px; }
:host([hud="mini"]) .title { font-size: 14px; }
:host([hud="mini"]) .message { font-size: 12px; padding-bottom: 28px; }

.controls { position: absolute; right: 8px; bottom: 8px; display: none; gap: 4px; }
:host([controls][hud]) .controls { right: 4px; bottom: 0; }
:host([controls]) .controls { display: flex; }
:host([controls]) .hud { padding-right: 92px; }
button { display: grid; place-items: center; width: 40px; height: 34px; border: 0; border-radius: 8px; cursor: pointer;
  background: #000a; color: #fff; }
:host([hud]) button { background: #0000; }
button:hover, :host([hud]) button:hover { background: #444c; }
button:focus-visible, a:focus-visible { outline: 2px solid #fff; outline-offset: 2px; border-radius: 6px; }
button svg { width: 20px; height: 20px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round;
  stroke-linejoin: round; }
@container (max-width: 420px) { .wide { display: none; } }
@media (prefers-reduced-motion: reduce) { video, canvas { transition: none; } }
`;

let sheet = null;

/** The style sheet, made once and shared by all players of a page. */
export function playerSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
