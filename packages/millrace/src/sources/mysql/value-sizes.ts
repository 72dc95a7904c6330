import { decimalBytes } from "./decimal.ts";
import { Form, type RowPlan } from "./row-plan.ts";

const FIXED: Readonly<Record<number, number>> = {
  [Form.INT8]: 1,
  [Form.UINT8]: 1,
  [Form.INT16]: 2,
  [Form.UINT16]: 2,
  [Form.INT24]: 3,
  [Form.UINT24]: 3,
  [Form.INT32]: 4,
  [Form.UINT32]: 4,
  [Form.BOOLEAN]: 1,
  [Form.BIT1]: 1,
  [Form.YEAR]: 1,
  [Form.INT64]: 8,
  [Form.UINT64]: 8,
  [Form.FLOAT]: 4,
  [Form.DOUBLE]: 8,
  [Form.DATE]: 3,
  [Form.OLD_TIME]: 3,
  [Form.OLD_DATETIME]: 8,
  [Form.OLD_TIMESTAMP]: 4,
};

/** Bytes of a value whose length does not stand before it; 0 where it does. */
export function fixedBytes(plan: RowPlan, index: number): number {
  const form = plan.forms[index] ?? 0;
  const size = plan.sizes[index] ?? 0;
  switch (form) {
    case Form.DECIMAL:
      return decimalBytes(size, plan.extras[index] ?? 0);
    case Form.TIME:
      return 3 + size;
    case Form.DATETIME:
      return 5 + size;
    case Form.TIMESTAMP:
      return 4 + size;
    case Form.ENUM:
    case Form.SET:
    case Form.BIT:
      return size;
    default:
      return FIXED[form] ?? 0;
  }
}
