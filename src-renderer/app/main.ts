import '../ui/tokens.css';
import { mount, unmount } from 'svelte';
import { connect } from '../api/connection.ts';
import { Studio } from '../stores/studio.svelte.ts';
import App from './App.svelte';
import Lost from './Lost.svelte';

const target = document.getElementById('app') as HTMLElement;
const pause = (milliseconds: number): Promise<void> => new Promise((done) => { setTimeout(done, milliseconds); });

/** Waits until the host answers again, then loads the window anew: everything acknowledged is on disk. */
async function comeBack(): Promise<void> {
  mount(Lost, { target: document.body });
  for (;;) {
    await pause(1500);
    try {
      await connect();
      location.reload();
      return;
    } catch {
      continue;
    }
  }
}

async function start(): Promise<void> {
  const { client, onClose } = await connect();
  const studio = new Studio(client);
  const app = mount(App, { target, props: { studio } });
  onClose(() => {
    void unmount(app);
    void comeBack();
  });
  window.addEventListener('error', ({ error }) => studio.activities.fail(error));
  window.addEventListener('unhandledrejection', ({ reason }) => studio.activities.fail(reason));
  await app.recall();
  await studio.begin();
  document.documentElement.dataset['ready'] = 'true';
}

start().catch((error: unknown) => {
  console.error(error);
  mount(Lost, { target: document.body, props: { message: error instanceof Error && error.message !== 'closed' ? error.message : '' } });
});
