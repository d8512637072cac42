/** The attributes that are read or written here: tag and value representation, by keyword. */
export const dictionary = {
  FileMetaInformationVersion: [0x00020001, 'OB'], MediaStorageSOPClassUID: [0x00020002, 'UI'], MediaStorageSOPInstanceUID: [0x00020003, 'UI'],
  TransferSyntaxUID: [0x00020010, 'UI'], ImplementationClassUID: [0x00020012, 'UI'],
  SpecificCharacterSet: [0x00080005, 'CS'], ImageType: [0x00080008, 'CS'], SOPClassUID: [0x00080016, 'UI'], SOPInstanceUID: [0x00080018, 'UI'],
  StudyDate: [0x00080020, 'DA'], SeriesDate: [0x00080021, 'DA'], ContentDate: [0x00080023, 'DA'], StudyTime: [0x00080030, 'TM'], ContentTime: [0x00080033, 'TM'],
  AccessionNumber: [0x00080050, 'SH'], Modality: [0x00080060, 'CS'], Manufacturer: [0x00080070, 'LO'], ReferringPhysicianName: [0x00080090, 'PN'],
  CodeValue: [0x00080100, 'SH'], CodingSchemeDesignator: [0x00080102, 'SH'], CodeMeaning: [0x00080104, 'LO'],
  StudyDescription: [0x00081030, 'LO'], SeriesDescription: [0x0008103e, 'LO'], ManufacturerModelName: [0x00081090, 'LO'],
  ReferencedSeriesSequence: [0x00081115, 'SQ'], ReferencedSOPClassUID: [0x00081150, 'UI'], ReferencedSOPInstanceUID: [0x00081155, 'UI'],
  ReferencedFrameNumber: [0x00081160, 'IS'], ReferencedInstanceSequence: [0x0008114a, 'SQ'], DerivationImageSequence: [0x00089124, 'SQ'],
  SourceImageSequence: [0x00082112, 'SQ'], DerivationCodeSequence: [0x00089215, 'SQ'], DerivationDescription: [0x00082111, 'ST'],
  PatientName: [0x00100010, 'PN'], PatientID: [0x00100020, 'LO'], PatientBirthDate: [0x00100030, 'DA'], PatientSex: [0x00100040, 'CS'],
  PatientIdentityRemoved: [0x00120062, 'CS'], DeidentificationMethod: [0x00120063, 'LO'],
  SliceThickness: [0x00180050, 'DS'], EchoNumbers: [0x00180086, 'IS'], SpacingBetweenSlices: [0x00180088, 'DS'], DeviceSerialNumber: [0x00181000, 'LO'], SoftwareVersions: [0x00181020, 'LO'],
  PurposeOfReferenceCodeSequence: [0x0040a170, 'SQ'],
  StudyInstanceUID: [0x0020000d, 'UI'], SeriesInstanceUID: [0x0020000e, 'UI'], StudyID: [0x00200010, 'SH'], SeriesNumber: [0x00200011, 'IS'],
  InstanceNumber: [0x00200013, 'IS'], ImagePositionPatient: [0x00200032, 'DS'], ImageOrientationPatient: [0x00200037, 'DS'],
  FrameOfReferenceUID: [0x00200052, 'UI'], TemporalPositionIdentifier: [0x00200100, 'IS'], PositionReferenceIndicator: [0x00201040, 'LO'],
  FrameContentSequence: [0x00209111, 'SQ'], PlanePositionSequence: [0x00209113, 'SQ'], PlaneOrientationSequence: [0x00209116, 'SQ'],
  StackID: [0x00209056, 'SH'], InStackPositionNumber: [0x00209057, 'UL'], TemporalPositionIndex: [0x00209128, 'UL'],
  DimensionIndexValues: [0x00209157, 'UL'], DimensionOrganizationUID: [0x00209164, 'UI'], DimensionIndexPointer: [0x00209165, 'AT'],
  FunctionalGroupPointer: [0x00209167, 'AT'], DimensionOrganizationSequence: [0x00209221, 'SQ'], DimensionIndexSequence: [0x00209222, 'SQ'],
  DimensionDescriptionLabel: [0x00209421, 'LO'],
  SamplesPerPixel: [0x00280002, 'US'], PhotometricInterpretation: [0x00280004, 'CS'], NumberOfFrames: [0x00280008, 'IS'], Rows: [0x00280010, 'US'],
  Columns: [0x00280011, 'US'], PixelSpacing: [0x00280030, 'DS'], BitsAllocated: [0x00280100, 'US'], BitsStored: [0x00280101, 'US'], HighBit: [0x00280102, 'US'],
  PixelRepresentation: [0x00280103, 'US'], RescaleIntercept: [0x00281052, 'DS'], RescaleSlope: [0x00281053, 'DS'], RescaleType: [0x00281054, 'LO'],
  LossyImageCompression: [0x00282110, 'CS'], PixelMeasuresSequence: [0x00289110, 'SQ'], PixelValueTransformationSequence: [0x00289145, 'SQ'],
  SegmentationType: [0x00620001, 'CS'], SegmentSequence: [0x00620002, 'SQ'], SegmentedPropertyCategoryCodeSequence: [0x00620003, 'SQ'],
  SegmentNumber: [0x00620004, 'US'], SegmentLabel: [0x00620005, 'LO'], SegmentAlgorithmType: [0x00620008, 'CS'], SegmentAlgorithmName: [0x00620009, 'LO'],
  SegmentIdentificationSequence: [0x0062000a, 'SQ'], ReferencedSegmentNumber: [0x0062000b, 'US'], RecommendedDisplayCIELabValue: [0x0062000d, 'US'],
  MaximumFractionalValue: [0x0062000e, 'US'], SegmentedPropertyTypeCodeSequence: [0x0062000f, 'SQ'], SegmentationFractionalType: [0x00620010, 'CS'],
  SegmentsOverlap: [0x00620013, 'CS'],
  ContentLabel: [0x00700080, 'CS'], ContentDescription: [0x00700081, 'LO'], ContentCreatorName: [0x00700084, 'PN'],
  SharedFunctionalGroupsSequence: [0x52009229, 'SQ'], PerFrameFunctionalGroupsSequence: [0x52009230, 'SQ'], PixelData: [0x7fe00010, 'OW'],
} as const satisfies Record<string, readonly [number, string]>;

export type Keyword = keyof typeof dictionary;

/** Storage classes and transfer syntaxes by what they are called in the code. */
export const uids = {
  implicitLittle: '1.2.840.10008.1.2', explicitLittle: '1.2.840.10008.1.2.1', deflated: '1.2.840.10008.1.2.1.99', explicitBig: '1.2.840.10008.1.2.2', rle: '1.2.840.10008.1.2.5',
  ctImage: '1.2.840.10008.5.1.4.1.1.2', mrImage: '1.2.840.10008.5.1.4.1.1.4', secondaryCapture: '1.2.840.10008.5.1.4.1.1.7',
  multiFrameByteSecondaryCapture: '1.2.840.10008.5.1.4.1.1.7.2', multiFrameWordSecondaryCapture: '1.2.840.10008.5.1.4.1.1.7.3',
  segmentation: '1.2.840.10008.5.1.4.1.1.66.4', labelMapSegmentation: '1.2.840.10008.5.1.4.1.1.66.7', doseImage: '1.2.840.10008.5.1.4.1.1.481.2',
  enhancedCt: '1.2.840.10008.5.1.4.1.1.2.1', enhancedMr: '1.2.840.10008.5.1.4.1.1.4.1',
} as const;
