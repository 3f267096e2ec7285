/** `leyden elect`: running a command on the one machine that leads. `leyden leader`: which one that is. */
import type { Election, Leader, Leadership } from '../recipes/index.js';
import { type Command, command } from './command.js';
import { asUsage, CommandError, exitCodes } from './exit.js';
import {
  type HeldFlags,
  heldFlags,
  heldText,
  keepLooking,
  openHeld,
  pause,
  pauseIfItMayPass,
  purposeOf,
  termsOf,
  untilStopped,
} from './held.js';
import { type Output, oneLine } from './output.js';
import { supervise } from './supervise.js';
import { documentOf } from './value-text.js';

interface ElectFlags extends HeldFlags {
  readonly value?: string;
  readonly restart?: boolean;
}

/** Who leads, in words. */
function leaderText(name: string, { host, pid, term, value, purpose, electedAt }: Leader<unknown>): string {
  const as =
    value === undefined ? '' : ` as ${typeof value === 'string' ? value : JSON.stringify(documentOf(value, 'plain'))}`;
  const what = purpose === undefined ? '' : `, for ${purpose}`;
  const since = new Date(electedAt).toISOString();
  return `election ${name}: process ${pid} on ${host} leads${as}, since ${since} in term ${term}${what}`;
}

/** Programs may stand with any value. */
const factsOf = (name: string, { value, ...leader }: Leader<unknown>) => ({
  election: name,
  leader: { ...leader, term: String(leader.term), ...(value !== undefined && { value: documentOf(value, 'plain') }) },
});

/** Says behind whom it waits; the read is one that standing would need as well. */
async function tellLeader(election: Election<string>, output: Output): Promise<void> {
  const leader = await election.leader();
  if (leader === undefined) return;
  output.note('waiting', factsOf(election.name, leader), `${leaderText(election.name, leader)}; waiting`);
}

/** Stands until it leads. The first try tells at once what is wrong; afterwards what may pass is waited for. */
async function elected(
  election: Election<string>,
  { value, quiet = false }: ElectFlags,
  signal: AbortSignal,
  output: Output,
): Promise<Leadership<string>> {
  for (let isTold = quiet; ; ) {
    try {
      if (!isTold) await tellLeader(election, output);
      isTold = true;
      return await election.campaign(value, { signal });
    } catch (error) {
      await pauseIfItMayPass(error, signal, output);
    }
  }
}

/** Resigns what is not lost. What can't be told is settled by the end of the session. */
async function resigned(leadership: Leadership<string>): Promise<void> {
  if (leadership.loss === undefined) await leadership.resign().catch(() => false);
}

export const electCommand: Command = command<ElectFlags>(
  {
    words: 'elect <name>',
    runsAnother: true,
    about: 'run a command wherever the leader is',
    more:
      'Stands for election, and runs the command while it leads. When the leadership is lost the command is stopped, and leyden stands ' +
      'again. When the command ends by itself, leyden resigns and ends with its exit code; with --restart it stands again instead.\n\n' +
      `The command finds its term in LEYDEN_FENCING_TOKEN, the election's name in LEYDEN_ELECTION_NAME.\n\n${heldText}`,
    flags: [
      { words: '--value <text>', about: 'what others see of the leader, its address for instance' },
      { words: '--restart', about: 'stands again, and runs it again, when the command ends by itself' },
      ...heldFlags.filter(({ words }) => !words.startsWith('--lost-exit-code')),
    ],
    examples: [
      'leyden elect scheduler --table state -- node scheduler.js',
      'leyden elect proxy --value "$(hostname):8080" --restart -- ./proxy',
    ],
  },
  (call) =>
    call.withTable(async (table) => {
      const { flags, shell, output } = call;
      const [name] = call.operands as [string];
      const { Election } = await import('../recipes/index.js');
      const session = await openHeld(table, flags, call.command);
      const purpose = purposeOf(flags, call.command);
      const election = asUsage(() => new Election<string>(session, name, { purpose }));
      return untilStopped(session, output, async (stop, farewell) => {
        for (;;) {
          const leadership = await elected(election, flags, stop, output);
          stop.throwIfAborted();
          const { term } = leadership;
          if (!flags.quiet) {
            output.note('leading', { election: name, term: String(term) }, `leading ${name} in term ${term}`);
          }
          const env = { ...shell.env, LEYDEN_FENCING_TOKEN: String(term), LEYDEN_ELECTION_NAME: name };
          try {
            const watching = keepLooking(() => leadership.extend(), session.leaseMs);
            const terms = termsOf(flags, call.command, env);
            const ended = await supervise(terms, leadership.signal, output).finally(watching);
            const isOver = ended.loss === undefined && !flags.restart;
            if (isOver || ended.asked !== undefined) return ended.exitCode;
          } finally {
            await farewell.done(resigned(leadership), undefined);
          }
          // Another machine may lead where it fails at once.
          await pause(stop);
        }
      });
    }),
);

export const leaderCommand: Command = command(
  {
    words: 'leader <name>',
    about: 'print who leads an election',
    more:
      'Where nobody does, it says so and ends with 1; with --json it prints "led":false and ends with 1 as well.\n\n' +
      'It is what the item says. A leader that died stands there until a candidate takes over.',
    examples: ['leyden leader scheduler --table state', 'leyden leader proxy --json | jq -r .leader.value'],
  },
  ({ operands, output, withTable }) =>
    withTable(async (table) => {
      const [name] = operands as [string];
      const { Election, Session } = await import('../recipes/index.js');
      // Nothing is sent for the session.
      const leader = await asUsage(() => new Election(new Session(table), name)).leader();
      if (leader !== undefined) {
        output.result({ led: true, ...factsOf(name, leader) }, oneLine(leaderText(name, leader)));
        return exitCodes.done;
      }
      if (!output.json) throw new CommandError('ERR_NO_LEADER', `Nobody leads election ${name}`);
      output.result({ led: false, election: name }, undefined);
      return exitCodes.failed;
    }),
);
