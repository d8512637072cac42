import type { MenuItemConstructorOptions } from 'electron';

/**
 * The application menu. Everything of the product is a command of the window's palette, sent by name; roles are what the system does
 * itself. No item opens a network address, reloads past the cache or shows developer tools.
 */
export function menuTemplate(platform: NodeJS.Platform, run: (command: string) => void): MenuItemConstructorOptions[] {
  const command = (label: string, name: string, accelerator?: string): MenuItemConstructorOptions => ({
    label,
    click: () => {
      run(name);
    },
    ...(accelerator === undefined ? {} : { accelerator, registerAccelerator: false }),
  });
  const separator: MenuItemConstructorOptions = { type: 'separator' };
  return [
    ...(platform === 'darwin' ? [{ role: 'appMenu' as const }] : []),
    {
      label: '&File',
      submenu: [
        command('New project…', 'create'),
        command('Open project…', 'open', 'CmdOrCtrl+O'),
        command('Open packed project…', 'open.packed'),
        command('Import folder…', 'import', 'CmdOrCtrl+I'),
        command('Export…', 'go.export', 'CmdOrCtrl+E'),
        command('Second readings…', 'readings'),
        command('Carry to another computer…', 'carry'),
        separator,
        command('Close project', 'close'),
        platform === 'darwin' ? { role: 'close' } : { role: 'quit' },
      ],
    },
    {
      label: '&Edit',
      submenu: [
        command('Undo', 'undo', 'CmdOrCtrl+Z'),
        command('Redo', 'redo', platform === 'darwin' ? 'Cmd+Shift+Z' : 'Ctrl+Y'),
        separator,
        { role: 'cut' },
        { role: 'copy' },
        { role: 'paste' },
        { role: 'selectAll' },
      ],
    },
    {
      label: '&View',
      submenu: [
        command('Cases', 'go.cases'),
        command('Correct', 'go.correct'),
        command('Train', 'go.train'),
        command('Models', 'go.models'),
        command('Problems', 'go.problems'),
        command('Settings', 'go.settings'),
        separator,
        { role: 'togglefullscreen' },
      ],
    },
    { label: '&Help', submenu: [command('Keys', 'keys'), command('Commands…', 'palette', 'CmdOrCtrl+K')] },
  ];
}
