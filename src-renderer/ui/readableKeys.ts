const pretty: Record<string, string> = {
  $mod: navigator.platform.startsWith('Mac') ? '⌘' : 'Ctrl',
  ArrowUp: '↑',
  ArrowDown: '↓',
  ArrowLeft: '←',
  ArrowRight: '→',
};

/** Keys as a person reads them: 'Ctrl+K'. */
export function readableKeys(keys: string): readonly string[] {
  return keys === ''
    ? []
    : keys.split('|').map((each) =>
        each
          .split(/\+(?=.)/)
          .map((key) => pretty[key] ?? key.replace(/^(Digit|Key)/, '').replace(/^[a-z]$/, (letter) => letter.toUpperCase()))
          .filter((key, index, all) => !(key === 'Shift' && all[index + 1] === '?'))
          .join('+'),
      );
}
