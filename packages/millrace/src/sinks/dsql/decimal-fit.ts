const PLAIN = /^-?0*(\d*?)(?:\.(\d*?)0*)?$/;

/**
 * Says why `numeric(precision, scale)` would round or refuse a decimal, without the value itself (I1: such a row is
 * parked, never rounded). For types with 0 <= scale <= precision.
 */
export function refuseDecimal(precision: number, scale: number): (value: string) => string | null {
  const wholeDigits = precision - scale;
  const type = `numeric(${precision},${scale})`;
  return (value) => {
    const match = PLAIN.exec(value);
    if (match === null) return value === "NaN" ? null : `${type} holds no infinity`;
    if ((match[1] ?? "").length > wholeDigits)
      return `${type} holds ${wholeDigits} digits before the point`;
    if ((match[2] ?? "").length > scale) return `${type} holds ${scale} digits after the point`;
    return null;
  };
}
