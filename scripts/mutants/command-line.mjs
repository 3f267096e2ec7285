/** The command `leyden`: what it runs is stopped in time, and nobody is turned away for ever. */
import { mutant } from './mutant.mjs';

const supervise = 'spec/cli/supervise.spec.ts';
const lock = 'spec/cli/lock.spec.ts';
const connection = 'spec/cli/connection.spec.ts';
const usage = 'spec/cli/usage.spec.ts';
const atom = 'spec/cli/atom.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const commandLine = [
  mutant(
    'a command is stopped without what it has started',
    'lib/cli/child.ts',
    'return this.#options.foreground ? pid : -pid;',
    'return pid;',
    supervise,
    'what that has started',
  ),
  mutant(
    'a command is given more time than its lease leaves',
    'lib/cli/supervise.ts',
    'const graceMs = Math.min(killAfterMs, stoppingShare * leaseMs);',
    'const graceMs = killAfterMs;',
    supervise,
    'within 15 % of the lease',
  ),
  mutant(
    'a command that was stopped hears no SIGTERM',
    'lib/cli/child.ts',
    "this.signal('SIGCONT');",
    '',
    supervise,
    'although it was stopped',
  ),
  mutant(
    'nobody looks at the clocks when the command has ended',
    'lib/cli/supervise.ts',
    'const loss: unknown = held.aborted ? held.reason : undefined;',
    "const loss: unknown = first === 'lost' ? held.reason : undefined;",
    supervise,
    'looks at the clocks',
  ),
  mutant(
    'whoever does not wait is turned away by a dead holder for ever',
    'lib/cli/holders.ts',
    'return ageMs >= 0 && ageMs <= leaseMs ? 0 : leaseMs * leasesToTakeOver + takeOverMs;',
    'return 0;',
    lock,
    'looks dead',
  ),
  mutant(
    'whoever does not wait waits for a living holder',
    'lib/cli/holders.ts',
    'return ageMs >= 0 && ageMs <= leaseMs ? 0 : leaseMs * leasesToTakeOver + takeOverMs;',
    'return leaseMs * leasesToTakeOver + takeOverMs;',
    lock,
    'at once, with 75',
  ),
  mutant(
    'a lock is kept when its command can not be run',
    'lib/cli/lock-commands.ts',
    'if (!isLost) await released(grant);',
    '',
    lock,
    'when the command can not be run',
  ),
  mutant(
    'a lock that was taken by force is not looked at',
    'lib/cli/lock-commands.ts',
    'keepLooking(() => grant.extend(), session.leaseMs)',
    'keepLooking(async () => {}, session.leaseMs)',
    lock,
    'taken by force',
  ),
  mutant(
    'a leadership that was taken away is not looked at',
    'lib/cli/elect-command.ts',
    'keepLooking(() => leadership.extend(), session.leaseMs)',
    'keepLooking(async () => {}, session.leaseMs)',
    lock,
    'the leadership is taken away',
  ),
  mutant(
    'a release that was none is told as one',
    'lib/cli/lock-commands.ts',
    'return isReleased ? exitCodes.done : exitCodes.failed;',
    'return exitCodes.done;',
    lock,
    'and from nobody else',
  ),
  mutant(
    'a wrong address is tried for the whole deadline',
    'lib/cli/first-contact.ts',
    'await reached;',
    '',
    connection,
    'in words for people',
  ),
  mutant(
    'a function that changes its frozen value does so in vain, and in silence',
    'lib/cli/value-text.ts',
    "`'use strict';(${text}\\n)`",
    '`(${text}\\n)`',
    usage,
    'strict mode',
  ),
  mutant(
    'a function is run where there is no value',
    'lib/cli/atom-commands.ts',
    'if (!exists && initial === undefined) {',
    'if (exists && current === undefined) {',
    atom,
    'writes nothing where there is no value',
  ),
  mutant(
    'the words behind -- are taken for operands',
    'lib/cli/run.ts',
    'if (another.length === 0 || operands.length !== wanted.length) {',
    'if (another.length === 0) {',
    usage,
    'says what to do',
  ),
];
