/** What a snapshot leaves to those who call meanwhile: it asks whether somebody does, each time that it has a rest. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../lib/engine/index.js';
import { fileStorage } from '../../lib/files/index.js';
import { openPrevayler, type Prevayler, type Storage, transientStorage } from '../../lib/prevalence/index.js';

type Texts = readonly string[];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leyden-beside-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const storages: [string, () => Storage][] = [
  ['a table', () => transientStorage()],
  ['files', () => fileStorage(path.join(folder, 'journal'))],
];

describe.each(storages)('a snapshot in %s', (_name, storage) => {
  let answers: boolean[];
  let system: Prevayler<Texts, string>;
  let isBusy: () => boolean;

  beforeEach(async () => {
    answers = [];
    const inner = storage();
    const watched: Storage = {
      ...inner,
      open: (request) => {
        const { consumer } = request;
        isBusy = () => consumer.isBusy?.() ?? false;
        const asked = () => {
          answers.push(isBusy());
          return answers.at(-1) as boolean;
        };
        return inner.open({ ...request, consumer: { ...consumer, isBusy: asked } });
      },
    };
    let ms = 0;
    // Each look is a millisecond later, so that each step of the walk takes longer than a slice.
    const monotonicMs = () => {
      ms += 1;
      return ms;
    };
    system = await openPrevayler<Texts, string>({
      ...{
        storage: watched,
        initialState: [],
        snapshots: false,
        follow: false,
        clock: { ...systemClock, monotonicMs },
      },
      ...{ timeoutMs: 1e9, handler: (texts: Texts, text: string) => [...texts, text] },
    });
    for (let at = 0; at < 10; at += 1) await system.handle(`${at}`.repeat(20_000));
  });
  afterEach(async () => {
    await system.close();
  });

  it('is told that somebody waits for as long as somebody does', async () => {
    expect(isBusy()).toBe(false);
    const answer = system.handle('one');
    expect(isBusy()).toBe(true);
    await answer;
    await new Promise(setImmediate);
    expect(isBusy()).toBe(false);
  });

  it('asks in its rests', async () => {
    let isDone = false;
    const snapshot = system.snapshot().finally(() => {
      isDone = true;
    });
    while (answers.length < 2 && !isDone) await new Promise(setImmediate);
    await system.handle('meanwhile');
    await snapshot;
    expect(answers).toContain(false);
    expect(answers.length).toBeGreaterThan(5);
  });
});
