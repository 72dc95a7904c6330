import { defaulting, optional } from "../option.ts";
import { flag, textLike } from "../option-type.ts";

/** A region of AWS. */
export const awsRegion = textLike("region", /^[a-z]{2}(-[a-z]+)+-\d+$/, {
  wrong: "is not an AWS region",
  remedy: "Write one such as eu-west-1",
});

/** A role that may be assumed. */
export const roleArn = textLike("ARN", /^arn:aws[a-z-]*:iam::\d{12}:role\/\S+$/, {
  wrong: "is not the ARN of a role",
  remedy: "Write one such as arn:aws:iam::123456789012:role/millrace",
});

/** Amazon RDS and Aurora, as sources. */
export const RDS_IAM_OPTIONS = {
  useIamAuth: defaulting(flag, false, {
    name: "use-iam-auth",
    example: "true",
    doc: "Signs an IAM token of Amazon RDS or Aurora as the password of every new connection, with the usual AWS credentials of the process. Needs TLS.",
  }),
  region: optional(awsRegion, {
    name: "region",
    example: "eu-west-1",
    defaultDoc: "the one in `hostname`",
    doc: "AWS region of the server; needed with IAM where the host name does not hold it.",
  }),
  iamRole: optional(roleArn, {
    name: "iam-role",
    example: "arn:aws:iam::123456789012:role/millrace",
    doc: "Role that is assumed before tokens are signed.",
  }),
} as const;
