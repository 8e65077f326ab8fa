export declare const keras: Readonly<Record<string, string>>
