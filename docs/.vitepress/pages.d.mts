type Pages = readonly (readonly [file: string, english: string, chinese: string])[]
export declare const guide: Pages
export declare const course: Pages
export declare const reference: Pages
export declare const develop: Pages
