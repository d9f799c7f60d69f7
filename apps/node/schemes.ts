/** Which signature schemes this daemon offers. */
import type { SigningScheme } from "@conclave/custody";
import type { Engine } from "@conclave/crypto";
import { dkls23Scheme } from "@conclave/dkls23";
import { taprootScheme } from "@conclave/frost";

export const schemesOf = (engine: Engine): readonly SigningScheme[] => [taprootScheme(engine), dkls23Scheme(engine)];
