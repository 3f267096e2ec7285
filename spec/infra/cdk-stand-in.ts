/**
 * Runs the text of a CDK construct with stand-ins for the CDK's classes, which only note what they were given. The package itself
 * is 160 MB; that it makes the same template of these properties was compared by hand.
 */
import { transformSync } from '@swc/core';

/** A construct that was made, or a call on one. */
export interface Made {
  readonly type: 'Table' | 'index' | 'tag' | 'ManagedPolicy';
  readonly id: string;
  readonly props: Readonly<Record<string, unknown>>;
}

/** All that the one exported class makes. */
export function evaluateConstruct(text: string): readonly Made[] {
  const made: Made[] = [];
  const modules = standIns(made);
  const { code } = transformSync(text, {
    jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs' },
  });
  const exported: Record<string, new (scope: object, id: string) => object> = {};
  const require = (name: string): object => {
    const found = modules[name];
    if (found === undefined) throw new Error(`Cannot evaluate: there is no stand-in for ${name}`);
    return found;
  };
  new Function('require', 'exports', code)(require, exported);
  const [Construct] = Object.values(exported);
  if (Construct === undefined) throw new Error('Cannot evaluate: the text exports no class');
  new Construct({}, 'State');
  return made;
}

function standIns(made: Made[]): Readonly<Record<string, object>> {
  class Noted {
    readonly props: Readonly<Record<string, unknown>>;
    constructor(_scope: object, id: string, props: Readonly<Record<string, unknown>>) {
      this.props = props;
      made.push({ type: new.target.name as Made['type'], id, props });
    }
  }
  class Table extends Noted {
    readonly tableArn = 'arn';
    readonly tableStreamArn = 'stream';
    addGlobalSecondaryIndex(props: Readonly<Record<string, unknown>>): void {
      made.push({ type: 'index', id: '', props });
    }
  }
  class ManagedPolicy extends Noted {}
  class PolicyStatement {
    readonly props: object;
    constructor(props: object) {
      this.props = props;
    }
  }
  const Tags = {
    of: () => ({ add: (Key: string, Value: string) => made.push({ type: 'tag', id: '', props: { Key, Value } }) }),
  };
  const Key = { fromKeyArn: (_scope: object, _id: string, arn: string) => arn };
  return {
    'aws-cdk-lib': { RemovalPolicy: words('RemovalPolicy', ['RETAIN', 'DESTROY']), Tags },
    'aws-cdk-lib/aws-dynamodb': {
      Table,
      AttributeType: words('AttributeType', ['STRING', 'NUMBER', 'BINARY']),
      BillingMode: words('BillingMode', ['PAY_PER_REQUEST', 'PROVISIONED']),
      StreamViewType: words('StreamViewType', ['KEYS_ONLY', 'NEW_IMAGE', 'OLD_IMAGE', 'NEW_AND_OLD_IMAGES']),
      TableEncryption: words('TableEncryption', ['AWS_MANAGED', 'CUSTOMER_MANAGED']),
    },
    'aws-cdk-lib/aws-iam': { ManagedPolicy, PolicyStatement },
    'aws-cdk-lib/aws-kms': { Key },
    constructs: { Construct: class {} },
  };
}

/** The members of an enumeration, each by its own name. */
function words(enumeration: string, names: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(names.map((name) => [name, `${enumeration}.${name}`]));
}
