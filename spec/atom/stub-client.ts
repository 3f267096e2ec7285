/**
 * A client of the AWS SDK as `SdkEngine` sees one: GetItem and PutItem on a memory engine, with answers that a real client
 * gives when its own retries were at work. What goes wrong next stands in `script`, one word per PutItem.
 */
import type { Item } from '../../lib/codec/index.js';
import type { DynamoDBClientLike, Engine, Expression } from '../../lib/engine/index.js';

export type StubStep =
  | 'pass'
  /** The first copy is applied, its answer lost; the second is throttled. */
  | 'throttled-after-applied'
  /** The first copy is applied, its answer lost; the second fails its condition. */
  | 'resent-after-applied'
  /** One copy, throttled. */
  | 'throttled';

interface Input {
  readonly TableName: string;
  readonly Key: Item;
  readonly Item: Item;
  readonly ConsistentRead?: boolean;
  readonly ConditionExpression?: string;
  readonly ExpressionAttributeNames?: Expression['names'];
  readonly ExpressionAttributeValues?: Expression['values'];
}

export class StubClient implements DynamoDBClientLike {
  readonly config: object = {};
  readonly script: StubStep[] = [];
  readonly reads: boolean[] = [];
  puts = 0;
  /** What happens between the two copies of a resent write. */
  between: () => Promise<unknown> = async () => {};
  readonly #engine: Engine;
  readonly #images: boolean;

  constructor(engine: Engine, { images }: { readonly images: boolean }) {
    this.#engine = engine;
    this.#images = images;
  }

  send(command: never): Promise<unknown> {
    const { input } = command as { readonly input: Input };
    return (command as object).constructor.name === 'GetItemCommand' ? this.#get(input) : this.#put(input);
  }

  async #get({ TableName: table, Key: key, ConsistentRead: consistent = false }: Input) {
    this.reads.push(consistent);
    return { $metadata: { attempts: 1 }, Item: await this.#engine.get({ table, key, consistent }) };
  }

  async #put(input: Input) {
    this.puts += 1;
    const step = this.script.shift() ?? 'pass';
    if (step === 'throttled') throw throttled(1);
    if (step !== 'pass') {
      await this.#send(input);
      await this.between();
    }
    if (step === 'throttled-after-applied') throw throttled(2);
    const attempts = step === 'pass' ? 1 : 2;
    const answer = await this.#send(input);
    if (answer.status === 'applied') return { $metadata: { attempts } };
    if (answer.status !== 'condition-failed') throw new Error(`Cannot play the service: ${answer.status}`);
    const image = this.#images ? { Item: answer.image } : {};
    throw Object.assign(named('ConditionalCheckFailedException'), {
      $fault: 'client',
      $metadata: { attempts },
      ...image,
    });
  }

  #send({ TableName: table, Item: item, ...rest }: Input) {
    const {
      ConditionExpression: expression,
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: values,
    } = rest;
    const placeholders = { ...(names && { names }), ...(values && { values }) };
    return this.#engine.put({ table, item, condition: expression ? { expression, ...placeholders } : undefined });
  }
}

function throttled(attempts: number): Error {
  return Object.assign(named('ThrottlingException'), {
    $fault: 'client',
    $metadata: { attempts, httpStatusCode: 400 },
  });
}

function named(name: string): Error {
  const error = new Error('as the service says');
  error.name = name;
  return error;
}
