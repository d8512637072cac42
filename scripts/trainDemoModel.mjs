// Makes the small model that ships in resources/models/phantom, so that the demo project shows a prediction at once:
// 40 phantoms of seeds 1 to 40 (the demo project's own cases have other seeds), the variant "tiny", 700 steps.
// A budget in steps makes it repeatable: the same machine and thread count give the same weights.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const work = mkdtempSync(join(tmpdir(), 'logonet-demo-model-'));

function logonet(...args) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'logonet.mjs'), ...args], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

logonet('phantoms', '--out', join(work, 'data'), '--count', '40', '--seed', '1', '--resolution', '5');
logonet(
  'train',
  '--dataset',
  join(work, 'data', 'dataset.json'),
  '--out',
  join(work, 'model'),
  '--variant',
  'tiny',
  '--steps',
  '700',
  '--seed',
  '1',
);
const target = join(root, 'resources', 'models', 'phantom');
mkdirSync(target, { recursive: true });
for (const file of ['model.json', 'weights.safetensors']) copyFileSync(join(work, 'model', file), join(target, file));
rmSync(work, { recursive: true });
