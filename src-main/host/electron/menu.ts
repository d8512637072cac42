import type { MenuItemConstructorOptions } from 'electron';

/**
 * The application menu. Everything of the product is a command of the window's palette, sent by name; roles are what the system does
 * itself. No item opens a network address, reloads past the cache or shows developer tools.
 */
export function menuTemplate(platform: NodeJS.Platform, run: (command: string) => void): MenuItemConstructorOptions[] {
  const command = (label: string, name: string, accelerator?: string): MenuItemConstructorOptions => ({
    label, click: () => { run(name); }, ...(accelerator === undefined ? {} : { accelerator, registerAccelerator: false }),
  });
  const separator: MenuItemConstructorOptions = { type: 'separator' };
  return [
    ...(platform === 'darwin' ? [{ role: 'appMenu' as const }] : []),
    {
      label: '&File',
      submenu: [
        command('New project…', 'project.create'),
        command('Open project…', 'project.open', 'CmdOrCtrl+O'),
        command('Import folder…', 'library.importFolder', 'CmdOrCtrl+I'),
        command('Export…', 'workspace.export', 'CmdOrCtrl+E'),
        separator,
        command('Close project', 'project.close'),
        platform === 'darwin' ? { role: 'close' } : { role: 'quit' },
      ],
    },
    {
      label: '&Edit',
      submenu: [
        command('Undo', 'edit.undo', 'CmdOrCtrl+Z'),
        command('Redo', 'edit.redo', platform === 'darwin' ? 'Cmd+Shift+Z' : 'Ctrl+Y'),
        separator,
        { role: 'cut' }, { role: 'copy' }, { role: 'paste' }, { role: 'selectAll' },
      ],
    },
    {
      label: '&View',
      submenu: [
        command('Cases', 'workspace.cases'), command('Correct', 'workspace.correct'), command('Train', 'workspace.train'),
        command('Models', 'workspace.models'), command('Problems', 'workspace.problems'), command('Settings', 'workspace.settings'),
        separator,
        { role: 'togglefullscreen' },
      ],
    },
    { label: '&Help', submenu: [command('Keys', 'help.keys'), command('Commands…', 'help.palette', 'CmdOrCtrl+K')] },
  ];
}
