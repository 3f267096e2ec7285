/**
 * Goal: a promise that nobody waits for cannot enter the tree, wherever its type comes from.
 * Method: plants one file with every way to forget a promise and one with every allowed way, and asks the linter with
 * the settings of `npm run check`. A linter that reads one file at a time finds only a part of them: types that come
 * from packages and from Node.js are where it goes blind, so these stand in the list.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { repository, runNode } from '../support/command.js';

const store = `
export async function save(): Promise<number> { return 1; }
export const close = async (): Promise<void> => {};
export class Store {
  async put(): Promise<void> {}
  get(): Promise<number> { return save(); }
}
export interface Port { put(item: number): Promise<void> }
`;

const head = `
import { readFile } from 'node:fs/promises';
import { type DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import pRetry from 'p-retry';
import { close, type Port, Store, save } from './index.js';

async function local(): Promise<void> {}
const store = new Store();

export async function planted(port: Port, client: DynamoDBClient): Promise<void> {
`;

const forgotten: readonly (readonly [what: string, statement: string])[] = [
  ['an async function of the same file', 'local();'],
  ['an async function of another file', 'save();'],
  ['an async arrow of another file', 'close();'],
  ['an async method of a class of another file', 'store.put();'],
  ['a method that returns a promise', 'store.get();'],
  ['a method of a new object', 'new Store().put();'],
  ['a method of an interface', 'port.put(1);'],
  ['an optional call', '(port as Port | undefined)?.put(1);'],
  ['then without an answer to failure', 'save().then(() => 1);'],
  ['finally', 'save().finally(() => {});'],
  ['catch that is given nothing', 'save().catch();'],
  ['a promise of a package', 'pRetry(() => 1);'],
  ['a promise of Node.js', "readFile('x');"],
  ['a promise of the AWS SDK', 'client.send(new ListTablesCommand({}));'],
  ['a closure whose type is inferred', '(() => save())();'],
  ['Promise.all', 'Promise.all([save()]);'],
  ['an array of promises', '[1].map(async () => save());'],
  ['an async arrow in forEach', '[1].forEach(async () => { await save(); });'],
  ['an async arrow for a timer', 'setTimeout(async () => { await save(); }, 1);'],
  ['an async arrow for a listener', "process.on('exit', async () => { await save(); });"],
  ['a promise as a condition', 'if (store.get()) port;'],
];

const allowed: readonly (readonly [what: string, statement: string])[] = [
  ['await', 'await save();'],
  ['void', 'void save();'],
  ['catch with a handler', 'save().catch(() => {});'],
  ['then with two handlers', 'save().then(() => 1, () => 2);'],
  ['keeping the promise', 'const kept = save();\n  await kept;'],
];

describe('a promise that nobody waits for', () => {
  let folder = '';
  let found: readonly string[] = [];
  const lineOf = new Map<string, number>();

  beforeAll(async () => {
    mkdirSync(path.join(repository, '.leyden'), { recursive: true });
    folder = mkdtempSync(path.join(repository, '.leyden', 'floating-'));
    let planted = head;
    for (const [what, statement] of [...forgotten, ...allowed]) {
      lineOf.set(what, planted.split('\n').length);
      planted += `  ${statement}\n`;
    }
    writeFileSync(path.join(folder, 'tsconfig.json'), '{ "extends": "../../tsconfig.json", "include": ["*.ts"] }');
    writeFileSync(path.join(folder, 'index.ts'), store);
    writeFileSync(path.join(folder, 'planted.ts'), `${planted}}\n`);
    const lint = ['node_modules/oxlint/bin/oxlint', '-c', 'scripts/oxlint.json', '-f', 'unix', '--no-ignore'];
    const { output } = await runNode([...lint, path.join(path.relative(repository, folder), 'planted.ts')]);
    found = output.split('\n').filter((line) => line.includes('-promises)'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const reportsOn = (what: string) => found.filter((line) => line.includes(`planted.ts:${lineOf.get(what)}:`));

  it.each(forgotten)('is found: %s', (what) => {
    expect(reportsOn(what)).toHaveLength(1);
  });

  it.each(allowed)('is not what this is: %s', (what) => {
    expect(reportsOn(what)).toEqual([]);
  });

  it('is found nowhere else in the planted files', () => {
    expect(found).toHaveLength(forgotten.length);
  });
});
