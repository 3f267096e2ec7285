/**
 * Tables as code: from one definition a CloudFormation template, a CDK construct, a Terraform configuration, the options of
 * `AtomTable`, and for each role the smallest policy with which it works.
 *
 * @module
 */
export { type BucketAccess, bucketPolicyFor } from './bucket-policy.js';
export { cdk } from './cdk.js';
export {
  type CloudFormationResource,
  type CloudFormationTemplate,
  cloudFormation,
  cloudFormationYaml,
} from './cloudformation.js';
export { defineTable } from './define-table.js';
export type { EncryptionAtRest, Role, TableDefinition, TableDefinitionOptions } from './definition.js';
export { type Feature, features, type Permissions, permissions } from './features.js';
export { type Place, type PolicyDocument, type PolicyStatement, policyFor } from './policy.js';
export type { Condition } from './roles.js';
export { createOptions, createTableInput, tableOptions } from './table-input.js';
export { terraform } from './terraform.js';
export type { JsonValue } from './yaml.js';
