export declare const promised: (text: string) => string[]
