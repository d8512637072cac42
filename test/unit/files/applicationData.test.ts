import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applicationData } from '#main/files/applicationData.ts';

describe('what belongs to the computer', () => {
  it('lies in its platform’s place, or where LOGONET_DATA says', () => {
    expect(applicationData('linux', {}, '/home/a')).toBe(join('/home/a', '.local', 'share', 'logonet-studio'));
    expect(applicationData('linux', { XDG_DATA_HOME: '/data' }, '/home/a')).toBe(join('/data', 'logonet-studio'));
    expect(applicationData('darwin', {}, '/Users/a')).toBe(join('/Users/a', 'Library', 'Application Support', 'LoGoNet Studio'));
    expect(applicationData('win32', { LOCALAPPDATA: 'C:\\L' }, 'C:\\a')).toBe(join('C:\\L', 'LoGoNet Studio'));
    expect(applicationData('linux', { LOGONET_DATA: '/else' }, '/home/a')).toBe('/else');
  });

  it('is no person’s in a test', () => {
    expect(applicationData().startsWith(join(tmpdir(), 'logonet-data-'))).toBe(true);
  });
});
