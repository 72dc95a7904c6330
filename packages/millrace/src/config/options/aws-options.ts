import { textLike } from "../option-type.ts";

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
