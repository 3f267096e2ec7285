/** A process that is watched from outside: `tsx traced-writer.ts <directory> <file of acknowledged> <callers> <turns of each>`. */
import { openSync } from 'node:fs';
import { openTurns, takeTurns } from './file-writer.js';

const [directory = '', file = '', callers = '1', turns = '1'] = process.argv.slice(2);
const system = await openTurns({ directory, journalBytesMax: 100_000 });
const acknowledged = openSync(file, 'a');
const names = Array.from({ length: Number(callers) }, (_, at) => `c${at}`);
await Promise.all(names.map((name) => takeTurns(system, name, Number(turns), acknowledged)));
await system.close();
