/**
 * Bugs below the journal, in how a bucket is spoken to, that the judge has to find out. One is none: to believe that a refusal of the
 * SDK's second copy is one of the first does no harm, as the evidence in the head tells whose commits are in it.
 */
import type { Random } from '../../../lib/engine/index.js';
import { operationOf, type PlainAnswer, type PlainClient, type SentCommand } from '../../support/s3/stand-in-client.js';
import type { BucketSimulationOptions } from './simulated-bucket.js';

interface PlantedInBucket {
  readonly name: string;
  /** What the judge says of it, among other things. */
  readonly finds: string;
  readonly spoils: Pick<BucketSimulationOptions, 'spoilClient'>;
}

type Send = (command: SentCommand) => Promise<PlainAnswer>;

/** A client whose requests for the head are sent in another way. */
function sendingHead(
  operation: 'GetObject' | 'PutObject',
  send: (send: Send, random: Random, command: SentCommand) => Promise<PlainAnswer>,
): Pick<BucketSimulationOptions, 'spoilClient'> {
  return {
    spoilClient: (client, random): PlainClient => ({
      config: {},
      send(command) {
        const isMeant = operationOf(command) === operation && command.input.Key?.endsWith('/head') === true;
        const honest: Send = (one) => client.send(one);
        return isMeant ? send(honest, random, command) : honest(command);
      },
    }),
  };
}

/** The same command with another input. */
function withInput(command: SentCommand, input: Partial<SentCommand['input']>): SentCommand {
  return Object.assign(Object.create(Object.getPrototypeOf(command)) as object, {
    input: { ...command.input, ...input },
  }) as SentCommand;
}

function notModified(): Error {
  return Object.assign(new Error('NotModified'), { $metadata: { httpStatusCode: 304, attempts: 1 } });
}

export const plantedInBucket: readonly PlantedInBucket[] = [
  {
    name: 'a PUT of the head without its condition',
    finds: 'an acknowledged event is not in the journal',
    spoils: sendingHead('PutObject', (send, _random, command) =>
      send(withInput(command, { IfMatch: undefined, IfNoneMatch: undefined })),
    ),
  },
  {
    name: 'a PUT of the head that never left, and was answered',
    finds: 'an acknowledged event is not in the journal',
    spoils: sendingHead('PutObject', async (send, random, command) => {
      if (random.int(30) > 0) return send(command);
      return { ETag: `"${random.int(2 ** 31)}"`, $metadata: { httpStatusCode: 200, attempts: 1 } };
    }),
  },
  {
    name: 'a PUT of the head that was done, and is said to be refused',
    finds: 'an event that was told not to be done is in the journal',
    spoils: sendingHead('PutObject', async (send, random, command) => {
      const answer = await send(command);
      if (random.int(10) > 0) return answer;
      throw Object.assign(new Error('Access Denied'), {
        ...{ name: 'AccessDenied', $fault: 'client', $metadata: { httpStatusCode: 403, attempts: 1 } },
      });
    }),
  },
  {
    name: 'a head that is believed to be what was seen last',
    finds: 'real-time order broken',
    spoils: sendingHead('GetObject', async (send, random, command) => {
      if (command.input.IfNoneMatch !== undefined && random.int(2) === 0) throw notModified();
      return send(command);
    }),
  },
];
