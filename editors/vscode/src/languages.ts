/** The editor's ids of the languages that the server takes. */
export const LANGUAGES: readonly string[] = ["sql", "mysql", "plsql"];
