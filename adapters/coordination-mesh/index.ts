export { meshCoordination } from "./mesh.ts";
