import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { Project } from '#main/library/index.ts';

/** For each test of a file a folder of its own with a project. */
export interface ProjectPerTest {
  readonly folder: string;
  /** Closed after each test; another may take its place. */
  project: Project;
}

/** `make` makes the project in the folder that it is given. */
export function projectPerTest(name: string, make: (folder: string) => Project): ProjectPerTest {
  let folder = '';
  let project: Project | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), name));
    project = make(join(folder, 'project'));
  });
  afterEach(() => {
    project?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    get folder() {
      return folder;
    },
    get project() {
      if (project === undefined) throw new Error('No test has begun.');
      return project;
    },
    set project(other) {
      project = other;
    },
  };
}
