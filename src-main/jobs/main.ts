/** Entry of the compute process: started by the app with an IPC channel, it serves jobs. One folder without an app: `logonet worker`. */
import { loadAskPrompts, registry } from './registry.ts';
import { serve } from './worker.ts';

serve(registry, loadAskPrompts);
