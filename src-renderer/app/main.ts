import '../ui/tokens.css';
import { mount, unmount } from 'svelte';
import { connect } from '../api/connection.ts';
import { BrowserShelf } from '../api/shelf.ts';
import { Scene } from '../scene/scene.svelte.ts';
import { Studio } from '../stores/studio.svelte.ts';
import App from './App.svelte';
import Lost from './Lost.svelte';

const target = document.getElementById('app') as HTMLElement;
const pause = (milliseconds: number): Promise<void> =>
  new Promise((done) => {
    setTimeout(done, milliseconds);
  });

/** Waits until the host answers again, then loads the window again: everything acknowledged is on disk. */
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

const lossMemory = 'graphics-lost-at';
const betweenLosses = 30_000;

/** After the graphics driver was reset the window is reloaded and says so; where that happens again at once, the person has to look after it. */
function surviveGraphics(studio: Studio, scene: Scene): void {
  const lostAt = Number(sessionStorage.getItem(lossMemory) ?? 0);
  const recently = (): boolean => Date.now() - lostAt < betweenLosses;
  if (recently()) studio.activities.say('The graphics driver was reset, so the window was reloaded. What was saved is there.', 'warning');
  scene.context.onLost(() => {
    if (recently()) {
      studio.activities.say(
        'The graphics driver fails again and again: nothing can be drawn. Your work is saved; update the driver, then reload the window with F5.',
        'error',
      );
      return;
    }
    sessionStorage.setItem(lossMemory, String(Date.now()));
    void (studio.session?.journal.flush() ?? Promise.resolve()).finally(() => location.reload());
  });
}

/** A window with unsaved edits asks before it goes, and leaves them, and what it remembers, where the next one finds them. Calling the result ends the asking. */
function guardUnsaved(studio: Studio): () => void {
  const ask = (event: BeforeUnloadEvent): void => {
    studio.memory.flush(); // Once the page is hidden, its connection is closed.
    if ((studio.session?.journal.waiting ?? 0) > 0) event.preventDefault();
  };
  window.addEventListener('beforeunload', ask);
  window.addEventListener('pagehide', () => void studio.session?.journal.shelve());
  return () => window.removeEventListener('beforeunload', ask);
}

async function start(): Promise<void> {
  const { client, onClose } = await connect();
  const studio = new Studio(client, new BrowserShelf());
  const scene = new Scene(studio);
  const app = mount(App, { target, props: { studio, scene } });
  const unguard = guardUnsaved(studio);
  onClose(() => {
    unguard(); // It goes by itself, and what waits is on the shelf.
    void studio.session?.journal.shelve();
    void unmount(app).then(() => scene.dispose());
    void comeBack();
  });
  window.addEventListener('error', ({ error }) => studio.activities.fail(error));
  window.addEventListener('unhandledrejection', ({ reason }) => studio.activities.fail(reason));
  // Before a case is opened, which may take long.
  surviveGraphics(studio, scene);
  await app.recall();
  await studio.begin();
  document.documentElement.dataset['ready'] = 'true';
}

start().catch((error: unknown) => {
  console.error(error);
  mount(Lost, { target: document.body, props: { message: error instanceof Error && error.message !== 'closed' ? error.message : '' } });
});
