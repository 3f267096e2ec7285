/** `leyden lock …`: running a command while holding a lock; who holds it, and taking it from who is gone. */
import type { AtomTable } from '../atom/index.js';
import type { Lock } from '../recipes/index.js';
import { type CommandGroup, command } from './command.js';
import { asUsage, CommandError, exitCodes, UsageError } from './exit.js';
import { fencingToken } from './flag-values.js';
import { factsOf, holderText } from './holders.js';
import { lockRunCommand } from './lock-run-command.js';
import { oneLine } from './output.js';

/** The lock, for who only looks or orders; nothing is sent for its session. */
async function lockFor(table: AtomTable, name: string): Promise<Lock> {
  const { Lock, Session } = await import('../recipes/index.js');
  return asUsage(() => new Lock(new Session(table), name));
}

const holder = command(
  {
    words: 'holder <name>',
    about: 'print who holds a lock, and how many wait for it',
    more:
      'Where nobody does, it says so and ends with 1; with --json it prints "held":false and ends with 1 as well.\n\n' +
      'It is what the item says. A holder that died stands there until somebody who waits takes over.',
    examples: ['leyden lock holder deploy --table state', 'leyden lock holder deploy --json | jq -r .holder.token'],
  },
  ({ operands, output, withTable }) =>
    withTable(async (table) => {
      const [name] = operands as [string];
      const found = await (await lockFor(table, name)).holder();
      if (found !== undefined) {
        const text = `${holderText(name, found)}; ${found.waiting} waiting`;
        output.result({ held: true, ...factsOf(name, found) }, oneLine(text));
        return exitCodes.done;
      }
      if (!output.json) throw new CommandError('ERR_NOT_HELD', `Nobody holds lock ${name}`);
      output.result({ held: false, lock: name }, undefined);
      return exitCodes.failed;
    }),
);

const release = command<{ readonly token?: bigint }>(
  {
    words: 'release <name>',
    about: 'take a lock by force from whoever holds it under a token',
    more:
      'For people who know that the holder is gone: it is handed to the next at once, without waiting for the lease. A holder ' +
      'that lives notices at its next look ("lock run": a third of its lease later, and stops its command); so what it writes to ' +
      'should refuse older tokens than it has seen.\n\n' +
      'Where it is not held under that token it is left alone, and leyden ends with 1; with --json it prints "released":false.',
    flags: [
      {
        words: '--token <n>',
        about: 'the fencing token that it is held under, as "lock holder" prints it (required)',
        read: fencingToken('--token'),
      },
    ],
    examples: ['leyden lock release deploy --token 7 --table state'],
  },
  async ({ operands, flags: { token }, output, withTable }) => {
    const [name] = operands as [string];
    if (token === undefined) throw new UsageError(`Under which token? Give --token; "leyden lock holder" prints it`);
    return withTable(async (table) => {
      const isReleased = await (await lockFor(table, name)).forceRelease({ token });
      if (!isReleased && !output.json) {
        const what = `it is not held under token ${token}; nothing was changed`;
        throw new CommandError('ERR_CONDITION', `Cannot release lock ${name}: ${what}`);
      }
      output.result({ lock: name, token: String(token), released: isReleased }, 'released');
      return isReleased ? exitCodes.done : exitCodes.failed;
    });
  },
);

export const lockCommands: CommandGroup = {
  word: 'lock',
  about: 'locks with fencing tokens',
  commands: [lockRunCommand, holder, release],
};
