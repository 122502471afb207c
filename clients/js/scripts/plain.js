// Makes the plain script, one file without modules, of src/plain.js and all that it imports:
//
//     node scripts/plain.js                 writes web/js_client.js, which the server serves
//     node scripts/plain.js dist/x.js       writes another file
//
// Each module becomes a function that returns its exports. It knows the forms of import and export that this package
// uses, and fails for any other.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../src/plain.js', import.meta.url));

/** Where the server's own files are. */
export const OUTPUT = fileURLToPath(new URL('../../../web/js_client.js', import.meta.url));

const HEAD = `// camherd for pages without modules: the globals RTSPStreamClient and, where the page has React, RTSPStreamViewer and
// useRTSPStream; it also defines <camherd-player>. Made by clients/js/scripts/plain.js of clients/js/src; edit there.
`;

const IMPORT = /^import (?:\{([^}]*)\} from )?'(\.\/[\w-]+\.js)';\n/gm;
const REEXPORT = /^export \{([^}]*)\} from '(\.\/[\w-]+\.js)';\n/gm;
const DECLARATION = /^export (?=(?:async )?(?:class|function|const|let) ([\w$]+))/gm;

/** `a, b as c` as pairs of the name there and the name here. */
function names(list) {
  const parts = list.split(',').map((part) => part.trim()).filter(Boolean);
  return parts.map((part) => {
    const [, there, here = there] = /^([\w$]+)(?: as ([\w$]+))?$/.exec(part) ?? [];
    if (!there) throw new Error(`cannot read the name "${part}"`);
    return [there, here];
  });
}

const variable = (file) => `m_${basename(file, '.js').replace(/\W/g, '_')}`;
const taking = (list) => list.map(([there, here]) => (there === here ? there : `${there}: ${here}`)).join(', ');

/** Reads a module and, before it, those that it imports. */
function collect(file, modules) {
  if (modules.has(file)) return;
  const source = readFileSync(file, 'utf8');
  const imports = [];
  const exported = [];
  const depend = (path) => {
    const other = resolve(dirname(file), path);
    collect(other, modules);
    return variable(other);
  };
  let body = source.replace(IMPORT, (_all, list, path) => {
    const from = depend(path);
    if (list) imports.push(`const { ${taking(names(list))} } = ${from};`);
    return '';
  });
  body = body.replace(REEXPORT, (_all, list, path) => {
    const from = depend(path);
    for (const [there, here] of names(list)) exported.push(`${here}: ${from}.${there}`);
    return '';
  });
  body = body.replace(DECLARATION, (_all, name) => {
    exported.push(name);
    return '';
  });
  const code = body.replace(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  const unknown = /^(?:import|export)\b.*|\bimport\(.*|\bimport\.meta.*/m.exec(code);
  if (unknown) throw new Error(`${file}: cannot put "${unknown[0]}" into a plain script`);
  modules.set(file, wrap(file, imports, body.trim(), exported));
}

function wrap(file, imports, body, exported) {
  const lines = [`const ${variable(file)} = (() => {`, ...imports, body];
  lines.push(`return { ${exported.join(', ')} };`, '})();');
  return `// src/${basename(file)}\n${lines.filter(Boolean).join('\n')}\n`;
}

/** @returns {string} the plain script */
export function plainScript() {
  const modules = new Map();
  collect(ENTRY, modules);
  return `${HEAD}(() => {\n'use strict';\n\n${[...modules.values()].join('\n')}})();\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const output = process.argv[2] ?? OUTPUT;
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, plainScript());
}
