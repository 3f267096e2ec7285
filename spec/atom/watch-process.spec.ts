// Goal: loops and waits keep a process alive, callbacks do not; what a callback throws ends a process that does not listen, and what its
// watch can't be told otherwise is a warning; a cell that is no longer watched is collected.
// Method: real processes, which end by themselves.
import { describe, expect, it } from '@jest/globals';
import { runNode } from '../support/command.js';

const opening = `
  import { AtomTable } from './lib/index.ts';
  import { MemoryEngine } from './lib/engine/index.ts';
  const engine = new MemoryEngine();
  const table = new AtomTable({ engine, tableName: 'state', watch: { pollMsMin: 20, pollMsMax: 40 } });
  await table.create();
  const rival = new AtomTable({ engine, tableName: 'state' }).atom('n');
  const atom = table.atom('n', { initial: 0 });
  const later = (ms, f) => setTimeout(f, ms).unref();
`;
const run = (text: string) =>
  runNode(['--expose-gc', '--import', 'tsx', '--input-type=module', '--eval', opening + text]);

describe('a process', () => {
  it('with a loop or a wait lives on until that is over, though nothing else keeps it', async () => {
    const text = `
      later(150, () => rival.reset(1));
      later(300, () => rival.reset(2));
      for await (const n of atom.watch()) {
        console.log(n);
        if (n === 1) break;
      }
      console.log(await atom.waitFor((n) => n === 2));
    `;
    expect(await run(text)).toEqual({ code: 0, output: '0\n1\n2\n' });
  });

  it('with callbacks only ends; what one throws is an unhandled error, what it can not be told a warning, once', async () => {
    const text = `
      process.on('uncaughtException', (error) => console.log('uncaught', error.message));
      process.removeAllListeners('warning').on('warning', (warning) => console.log(warning.name, warning.code));
      atom.addWatch('good', (id, atom, old, next) => console.log(old, next));
      atom.addWatch('bad', () => { throw new Error('mine'); });
      console.log(await atom.swap((n) => n + 1));
      await engine.put({ table: 'state', item: { id: { S: 'n' }, l: { S: 'x:1' } } });
      await new Promise((resolve) => setTimeout(resolve, 300));
    `;
    const startedAt = performance.now();
    const { code, output } = await run(text);
    expect([code, output.split('\n').sort()]).toEqual([0, ['', '0 1', '1', 'DecodeError ERR_DECODE', 'uncaught mine']]);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it('gives back the memory of atoms that nobody watches any more', async () => {
    const text = `
      const collected = [];
      const registry = new FinalizationRegistry((key) => collected.push(key));
      const watchAndLeave = async (key) => {
        const atom = table.atom(key);
        registry.register(atom, key);
        for await (const _ of atom.watch()) break;
        atom.addWatch('w', () => {});
        atom.removeWatch('w');
      };
      for (let n = 0; n < 50; n += 1) await watchAndLeave('a' + n);
      for (let turn = 0; turn < 20 && collected.length < 45; turn += 1) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        globalThis.gc();
      }
      console.log(collected.length >= 45);
    `;
    expect(await run(text)).toEqual({ code: 0, output: 'true\n' });
  });
});
