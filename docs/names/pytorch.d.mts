export declare const others: Readonly<Record<string, string>>
