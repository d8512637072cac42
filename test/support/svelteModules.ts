import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileModule } from 'svelte/compiler';

/** Lets plain Node import modules with runes, as the renderer's stores are: as the server's compilation has it, state is plain fields. */
registerHooks({
  load(url, context, next) {
    if (!url.endsWith('.svelte.ts')) return next(url, context);
    const filename = fileURLToPath(url);
    const { js } = compileModule(stripTypeScriptTypes(readFileSync(filename, 'utf8')), { filename, generate: 'server' });
    return { format: 'module', source: js.code, shortCircuit: true };
  },
});
