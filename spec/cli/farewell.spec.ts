/** Goal: giving back what is held keeps nobody who has no patience. */
import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { Farewell } from '../../lib/cli/farewell.js';
import { Output } from '../../lib/cli/output.js';

const nowhere = new Writable({ write: (_text, _encoding, done) => done() });
const output = new Output({ stdout: nowhere, stderr: nowhere }, false);
const never = new Promise<string>(() => {});

describe('Farewell', () => {
  it('gives what its step gives', async () => {
    expect(await new Farewell(output).done(Promise.resolve('given back'), 'otherwise')).toBe('given back');
  });

  it('is ended by a signal, and the steps after it with it', async () => {
    const farewell = new Farewell(output);
    const step = farewell.done(never, 'otherwise');
    process.emit('SIGINT', 'SIGINT');
    expect(await step).toBe('otherwise');
    expect(await farewell.done(never, 'at once')).toBe('at once');
  });
});
